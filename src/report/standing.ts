import { quoteLiteral, quoteTable, splitTableId } from '../catalog/quote.js';
import { rekeySchemaVersionOf } from '../postgres/bootstrap.js';
import { readMembers } from '../postgres/members.js';
import { readPhases } from '../postgres/phases.js';
import type { Session } from '../postgres/session.js';
import { syncTrigger } from '../substitution/names.js';
import type { AskWayBack } from './way-back.js';

/** What of Rekey stands in a database, by its catalog and the schema rekey alone. */
export interface Standing {
  /** null: there is no schema rekey */
  schema: { version: number; bytes: number; mappingRows: number } | null;
  phases: StandingPhase[];
  /** sync and follow triggers, by table */
  triggers: { table: string; triggers: string[]; disabled: string[] }[];
  /** left by an interrupted CREATE or REINDEX CONCURRENTLY on a table of a phase, whoever began it */
  invalidIndexes: { table: string; index: string }[];
  /** sessions of Rekey's, this one left out */
  sessions: { pid: number; name: string; state: string | null; seconds: number | null; waits: boolean }[];
}

export interface StandingPhase {
  phase: string;
  kind: string;
  state: 'open' | 'done' | 'rolled-back';
  cutOver: boolean;
  /** shadow columns of it that are there; after its cutover legacy columns */
  columns: number;
  /** tables where such columns stand without the sync trigger that keeps them in step */
  withoutTrigger: string[];
  wayBack: { open: boolean; because: string };
}

/** Locks: ACCESS SHARE on catalogs and tables of the schema rekey. */
export async function readStanding(session: Session, ask: AskWayBack): Promise<Standing> {
  const sessions = await readSessions(session);
  const version = await rekeySchemaVersionOf(session);
  if (version === null) return { schema: null, phases: [], triggers: [], invalidIndexes: [], sessions };
  const size = await session.one<{ bytes: number; rows: number }>(
    `select coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::float8 as bytes,
       (select pg_catalog.count(*)::float8 from rekey.uuid_migration_mapping) as rows
     from pg_catalog.pg_class c where c.relnamespace = 'rekey'::regnamespace and c.relkind in ('r', 'm')`,
  );
  return {
    schema: { version, bytes: size.bytes, mappingRows: size.rows },
    phases: await standingPhases(session, ask),
    triggers: await session.query(
      `select g.tgrelid::regclass::text as "table", pg_catalog.json_agg(g.tgname order by g.tgname) as triggers,
         coalesce(pg_catalog.json_agg(g.tgname order by g.tgname) filter (where g.tgenabled <> 'A'), '[]'::json) as disabled
       from pg_catalog.pg_trigger g join pg_catalog.pg_proc f on f.oid = g.tgfoid
       where f.pronamespace = 'rekey'::regnamespace and not g.tgisinternal group by 1 order by 1`,
    ),
    invalidIndexes: await session.query(
      `select i.indrelid::regclass::text as "table", i.indexrelid::regclass::text as "index"
       from pg_catalog.pg_index i
       where not i.indisvalid and i.indrelid in (
         select pg_catalog.to_regclass(pg_catalog.format('%I.%I', l.schema_name, l.relation_name)) from rekey.key_location l
         union select g.tgrelid from pg_catalog.pg_trigger g join pg_catalog.pg_proc f on f.oid = g.tgfoid
           where f.pronamespace = 'rekey'::regnamespace) order by 1, 2`,
    ),
    sessions,
  };
}

async function standingPhases(session: Session, ask: AskWayBack): Promise<StandingPhase[]> {
  const rows = await readPhases(session);
  const phases: StandingPhase[] = [];
  for (const row of rows) {
    const members = await readMembers(session, row.phase);
    const columns = members.map((m) => [m.tableName, row.cutOver ? m.legacy : m.shadow] as const);
    const standing = await columnsThatStand(session, columns);
    phases.push({
      phase: row.phase,
      kind: row.kind,
      state: row.state,
      cutOver: row.cutOver,
      columns: standing.length,
      withoutTrigger: await withoutTrigger(session, standing, syncTrigger(row.phase)),
      wayBack: await ask(session, row),
    });
  }
  return phases;
}

/** The table of each of these columns that is there. */
async function columnsThatStand(
  session: Session,
  columns: (readonly [table: string, column: string | null])[],
): Promise<string[]> {
  const wanted = columns.filter(([, column]) => column !== null);
  if (wanted.length === 0) return [];
  const list = wanted.map(([id, column]) => {
    const { schema, name } = splitTableId(id) ?? { schema: 'public', name: id };
    return `(${quoteLiteral(quoteTable(schema, name))}, ${quoteLiteral(column as string)})`;
  });
  const found = await session.query<{ relation: string }>(
    `select w.relation from (values ${list.join(', ')}) w(relation, name)
     join pg_catalog.pg_attribute a on a.attrelid = pg_catalog.to_regclass(w.relation) and a.attname = w.name and not a.attisdropped`,
  );
  return found.map(({ relation }) => relation);
}

async function withoutTrigger(session: Session, relations: string[], trigger: string): Promise<string[]> {
  const found = await session.query<{ relation: string }>(
    `select pg_catalog.to_regclass(w.relation)::text as relation from (select distinct pg_catalog.unnest($1::text[])) w(relation)
     where not exists (select from pg_catalog.pg_trigger g
       where g.tgrelid = pg_catalog.to_regclass(w.relation) and g.tgname = $2 and not g.tgisinternal) order by 1`,
    [relations, trigger],
  );
  return found.map(({ relation }) => relation);
}

function readSessions(session: Session): Promise<Standing['sessions']> {
  return session.query(
    `select a.pid, a.application_name as name, a.state,
       extract(epoch from pg_catalog.clock_timestamp() - a.state_change)::float8 as seconds,
       coalesce(a.wait_event_type = 'Lock', false) as waits
     from pg_catalog.pg_stat_activity a
     where a.datname = pg_catalog.current_database() and a.application_name like 'rekey %' and a.pid <> pg_catalog.pg_backend_pid()
     order by a.backend_start`,
  );
}
