import { tableId } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { Phase, Plan } from '../../plan/model.js';
import type { Database } from '../database.js';
import type { HazardContext } from './context.js';

interface Slot {
  name: string;
  type: 'logical' | 'physical';
  /** a logical slot of this database: its consumer sees the new columns */
  here: boolean;
  active: boolean;
  /** MB of WAL that the server keeps for it */
  kept: number;
  /** the server lets it go before the disk is full */
  limited: boolean;
}

/**
 * Subscriptions that write into member tables, publications over member tables (FOR ALL TABLES and FOR TABLES IN SCHEMA included), logical slots of this database, and
 * slots that nobody reads, physical ones of the whole server included. What the plan names under `subscribers` with how it is prepared is a note.
 */
export async function subscribers(context: HazardContext): Promise<Hazard[]> {
  const slots = await readSlots(context.database);
  const named = namedSubscribers(context.plan, context.phase);
  const logical = slots.filter((slot) => slot.here);
  return [
    ...(await publications(context, isReader(slots, named))),
    ...(await columnLists(context)),
    ...(await subscriptions(context, named)),
    ...logical.map(
      ({ name, active }): Hazard => ({
        hazard: 'logical-slot',
        rank: named.has(name) ? 'note' : 'stop',
        on: `slot ${name}`,
        message: `the logical slot ${name} ${active ? 'reads this database' : 'is of this database, and nobody reads it'}: its consumer would see the new columns${because(named, name)}`,
        remedy: `name it under subscribers with how it is prepared, or end its consumer, then select pg_drop_replication_slot('${name}')`,
      }),
    ),
    ...slots
      // one of this database that the plan doesn't name stops the phase already
      .filter(({ type, here, name }) => type === 'physical' || (here && named.has(name)))
      .filter((slot) => !slot.active && !slot.limited)
      .map(
        ({ name, type, kept }): Hazard => ({
          hazard: 'slot-unread',
          rank: 'accept',
          on: `slot ${name}`,
          message: `nobody reads the ${type} slot ${name}: the server keeps ${kept} MB of WAL for it and all that the phase writes, until the disk is full`,
          remedy: `start its reader again, select pg_drop_replication_slot('${name}'), or limit it with max_slot_wal_keep_size; else accept it with a because`,
        }),
      ),
  ];
}

/**
 * A publication of all tables has Rekey's own from the moment in which they are made: to be found before the first phase
 * that moves something, for foundation.
 */
export async function publicationsOfAll(database: Database, plan: Plan, phase: Phase): Promise<Hazard[]> {
  const all = await database.query<{ name: string }>(
    'select pubname::text as name from pg_catalog.pg_publication where puballtables order by 1',
  );
  if (all.length === 0) return [];
  const isNamed = isReader(await readSlots(database), namedSubscribers(plan, phase));
  return all.map(({ name }) => ({
    hazard: 'publication-all-tables',
    rank: isNamed(name) ? 'note' : 'stop',
    on: `publication ${name}`,
    message: `the publication ${name} has all tables, those that Rekey makes in its schema rekey, too: a subscriber that does not have them stops applying`,
    remedy:
      'publish the tables of the application by name or by schema instead; or name each subscriber under subscribers, once it has a schema rekey with the same tables',
  }));
}

/** A publication is read by the subscriber of its name, or by slots that are all named. */
function isReader(slots: Slot[], named: Map<string, string>): (publication: string) => boolean {
  const logical = slots.filter((slot) => slot.here);
  const allNamed = logical.length > 0 && logical.every(({ name }) => named.has(name));
  return (publication) => named.has(publication) || allNamed;
}

/** What writes into member tables from elsewhere, enabled or not: it brings integers, whatever the keys are here. */
async function subscriptions(
  { view, database }: HazardContext,
  named: Map<string, string>,
): Promise<Hazard[]> {
  const found = await database.query<{ name: string; schema: string; table: string }>(
    `select s.subname::text as name, n.nspname::text as schema, c.relname::text as "table"
     from pg_catalog.pg_subscription s join pg_catalog.pg_subscription_rel r on r.srsubid = s.oid
     join pg_catalog.pg_class c on c.oid = r.srrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     order by 1, 2, 3`,
  );
  const by = new Map<string, string[]>();
  for (const { name, schema, table } of found) {
    const id = tableId(schema, table);
    if (view.substitution.tables.includes(id)) by.set(name, [...(by.get(name) ?? []), id]);
  }
  return [...by].map(
    ([name, tables]): Hazard => ({
      hazard: 'subscription',
      rank: named.has(name) ? 'note' : 'stop',
      on: `subscription ${name}`,
      message: `the subscription ${name} writes into ${some(tables)}: from the cutover on it stands still at the first integer that it brings for a key${because(named, name)}`,
      remedy:
        'name it under subscribers with how its publisher goes along, or take these tables out of its publication and refresh it, or drop it, until cleanup is done',
      count: tables.length,
    }),
  );
}

function namedSubscribers(plan: Plan, phase: Phase): Map<string, string> {
  return new Map(
    plan.subscribers
      .filter((one) => one.phase === undefined || one.phase === phase.phase)
      .map((one) => [one.name, one.because]),
  );
}

function because(named: Map<string, string>, name: string): string {
  const said = named.get(name);
  return said === undefined ? '' : `; the plan says: ${said}`;
}

function readSlots(database: Database): Promise<Slot[]> {
  return database.query<Slot>(
    `select s.slot_name as name, s.slot_type as type, s.active,
       s.slot_type = 'logical' and s.database = pg_catalog.current_database() as here,
       coalesce(pg_catalog.round(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn) / 1048576), 0)::float8 as kept,
       s.restart_lsn is null or pg_catalog.current_setting('max_slot_wal_keep_size') <> '-1' as limited
     from pg_catalog.pg_replication_slots s where not s.temporary order by 1`,
  );
}

async function publications(
  { view, database }: HazardContext,
  isNamed: (publication: string) => boolean,
): Promise<Hazard[]> {
  const published = await database.query<{ publication: string; schema: string; name: string }>(
    `select p.pubname as publication, p.schemaname as schema, p.tablename as name
     from pg_catalog.pg_publication_tables p order by 1, 2, 3`,
  );
  const by = new Map<string, string[]>();
  for (const { publication, schema, name } of published) {
    const table = tableId(schema, name);
    if (!view.substitution.tables.includes(table)) continue;
    by.set(publication, [...(by.get(publication) ?? []), table]);
  }
  return [...by].map(
    ([publication, tables]): Hazard => ({
      hazard: 'publication',
      rank: isNamed(publication) ? 'note' : 'stop',
      on: `publication ${publication}`,
      message: `the publication ${publication} has ${some(tables)}: a subscriber without the new columns stops applying`,
      remedy:
        'name each subscriber under subscribers with how it is prepared, or end the subscriptions and drop the publication, or take the tables out of it, until cleanup is done',
      count: tables.length,
    }),
  );
}

/** From 15 on. After the cutover the list has the old key and not the new one: every UPDATE of a client would fail. */
async function columnLists({ view, database }: HazardContext): Promise<Hazard[]> {
  if (view.version < 150000) return [];
  const listed = await database.query<{ publication: string; schema: string; name: string }>(
    `select p.pubname as publication, n.nspname as schema, c.relname as name
     from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
     join pg_catalog.pg_class c on c.oid = r.prrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where r.prattrs is not null order by 1, 2, 3`,
  );
  return listed
    .filter(({ schema, name }) => view.substitution.tables.includes(tableId(schema, name)))
    .map(({ publication, schema, name }) => ({
      hazard: 'publication-column-list',
      rank: 'stop',
      on: `publication ${publication}`,
      message: `the publication ${publication} has a column list for ${tableId(schema, name)}: after the cutover it lacks the new key, and every UPDATE of a client would fail`,
      remedy: `take the list out: alter publication ${publication} set table with no columns named, or take the table out of it, until cleanup is done`,
    }));
}

function some(names: string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}
