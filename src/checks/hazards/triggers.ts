import { escapePattern } from '../../catalog/escape-pattern.js';
import type { Hazard } from '../../errors.js';
import { syncTrigger } from '../../substitution/names.js';
import { rolledBack } from '../database.js';
import { type HazardContext, tableOf, tableOids } from './context.js';

interface TriggerRow {
  oid: number;
  name: string;
  enabled: string;
  type: number;
  columns: boolean;
  /** of its function, where that is text */
  source: string;
  /** names of its transition tables */
  transitions: string[];
}

const row = 1;
const before = 2;
const insert = 4;
const update = 16;

/**
 * BEFORE triggers that would change a row after the sync trigger has seen it, triggers that the backfill would fire, and
 * those whose functions count on the columns of the table or on integers.
 */
export async function triggers(context: HazardContext): Promise<Hazard[]> {
  const found = await context.database.query<TriggerRow>(
    `select g.tgrelid::int8::float8 as oid, g.tgname as name, g.tgenabled::text as enabled, g.tgtype::int as type,
       pg_catalog.array_length(g.tgattr::int2[], 1) > 0 as columns, coalesce(p.prosrc, '') as source,
       pg_catalog.array_remove(array[g.tgnewtable::text, g.tgoldtable::text], null) as transitions
     from pg_catalog.pg_trigger g
     join pg_catalog.pg_proc p on p.oid = g.tgfoid
     join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where g.tgrelid = any ($1::oid[]) and not g.tgisinternal and g.tgenabled <> 'D' and n.nspname <> 'rekey'
     order by 1, 2`,
    [tableOids(context)],
  );
  if (found.length === 0) return [];
  const quiet = await maySetReplicaRole(context);
  const sync = syncTrigger(context.phase.phase);
  return found.flatMap((trigger): Hazard[] => {
    const table = tableOf(context, trigger.oid);
    const on = `trigger ${trigger.name} on ${table}`;
    const hazards: Hazard[] = [];
    if (
      has(trigger, row | before) &&
      (has(trigger, insert) || has(trigger, update)) &&
      isLater(trigger.name, sync)
    )
      hazards.push({
        hazard: 'trigger-order',
        rank: 'stop',
        on,
        message: `${on} would run after Rekey's sync trigger ${sync}, and a key that it changes would have no UUID to fit`,
        remedy: 'rename it so that it sorts before `~`: alter trigger ... rename to ...',
      });
    // one with a column list fires for its columns only, and a backfill writes none but shadows
    const fires = quiet ? 'AR' : 'OA';
    if (has(trigger, update) && !trigger.columns && fires.includes(trigger.enabled))
      hazards.push({
        hazard: 'trigger-fires',
        rank: 'accept',
        on,
        message: `the backfill updates every row of ${table} and would fire ${on}${quiet ? ', which is enabled for replica role, too' : ''}`,
        remedy: quiet
          ? 'accept it with a because, or disable the trigger for the time of `map`'
          : "accept it with a because, or let Rekey's role switch triggers off (from PostgreSQL 15 on: grant set on parameter session_replication_role to <role>)",
      });
    return [...hazards, ...inItsFunction(context, table, on, trigger)];
  });
}

function inItsFunction(
  { view }: HazardContext,
  table: string,
  on: string,
  { source, transitions }: TriggerRow,
): Hazard[] {
  const hazards: Hazard[] = [];
  const whole = [
    '\\b(?:new|old)\\s*\\)?\\s*\\.\\s*\\*',
    ...transitions.map((name) => `\\*\\s+from\\s+"?${escapePattern(name)}"?(?![\\w$])`),
  ];
  if (new RegExp(whole.join('|'), 'i').test(source))
    hazards.push({
      hazard: 'trigger-whole-rows',
      rank: 'accept',
      on,
      message: `the function of ${on} takes whole rows (new.*, or all of a transition table), and ${table} gets columns: where it inserts them into a table without these, each write of ${table} is refused with 42601 from addColumns on`,
      remedy: 'name the columns in its function, then accept it with a because',
    });
  const keys = view.substitution.members.filter((m) => m.table === table && m.before !== null);
  const numbered = keys.filter(({ before }) => {
    const column = `new\\s*\\.\\s*"?${escapePattern(before as string)}"?(?![\\w$])`;
    const counts = '\\b(?:nextval|currval|lastval|max)\\s*\\(';
    return new RegExp(`${column}\\s*:?=[^;]*${counts}|${counts}[^;]*\\binto\\s+${column}`, 'i').test(source);
  });
  for (const { before } of numbered)
    hazards.push({
      hazard: 'trigger-numbers-key',
      rank: 'accept',
      on,
      message: `the function of ${on} gives ${table}.${before} a number, and that column is a uuid after the cutover: an insert would be refused with 22P02`,
      remedy: `let it give no number where ${before} is a uuid (pg_typeof(new.${before})), then accept it with a because`,
    });
  return hazards;
}

/** PostgreSQL fires triggers in the order of their names' bytes. */
function isLater(name: string, sync: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(sync)) > 0;
}

function has(trigger: TriggerRow, bits: number): boolean {
  return (trigger.type & bits) === bits;
}

/** Tried, not asked: versions differ in who may. */
async function maySetReplicaRole({ database }: HazardContext): Promise<boolean> {
  try {
    await rolledBack(database, () => database.query(`set local session_replication_role = replica`));
    return true;
  } catch (error) {
    if ((error as { sqlstate?: string }).sqlstate === '42501') return false;
    throw error;
  }
}
