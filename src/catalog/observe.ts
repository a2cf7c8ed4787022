import type { Observation } from './kind.js';
import type { Query } from './read.js';

/**
 * Sees in the catalog whether a piece of work is done: what makes an activity that is run twice end in the same state.
 * Locks: none on tables. An index counts as present only when it is valid; `brokenIndex` tells of one that is not.
 */
export async function isSeen(query: Query, observation: Observation): Promise<boolean> {
  const { text, values } = observationSql(observation);
  const [row] = await query<{ present: boolean }>(text, values);
  return row?.present === observation.present;
}

/** What CREATE INDEX CONCURRENTLY leaves behind when it is interrupted: it has to go before the next try. */
export async function isBrokenIndex(query: Query, schema: string, name: string): Promise<boolean> {
  const [row] = await query<{ broken: boolean }>(
    `select exists (select from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1 and c.relname = $2 and not (i.indisvalid and i.indisready)) as broken`,
    [schema, name],
  );
  return row?.broken === true;
}

const column = `from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and a.attname = $3 and a.attnum > 0 and not a.attisdropped`;

const trigger = `from pg_catalog.pg_trigger g join pg_catalog.pg_class c on c.oid = g.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and g.tgname = $3`;

function observationSql(o: Observation): { text: string; values: unknown[] } {
  const exists = (sql: string) => `select exists (select ${sql}) as present`;
  switch (o.see) {
    case 'column':
      return { text: exists(column), values: [o.schema, o.table, o.name] };
    case 'columns':
      return {
        text: `select case when $4::boolean then pg_catalog.count(*) = pg_catalog.cardinality($3::text[]) else pg_catalog.count(*) > 0 end as present ${column.replace('a.attname = $3', 'a.attname = any ($3::text[])')}`,
        values: [o.schema, o.table, o.names, o.present],
      };
    case 'not-null':
      return { text: exists(`${column} and a.attnotnull`), values: [o.schema, o.table, o.name] };
    case 'default':
      return { text: exists(`${column} and a.atthasdef`), values: [o.schema, o.table, o.name] };
    case 'index':
      return {
        // one that is not valid has still to be dropped: for `present: false` any counts
        text: exists(`from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          join pg_catalog.pg_index i on i.indexrelid = c.oid
          where n.nspname = $1 and c.relname = $2 and (i.indisvalid and i.indisready or not $3::boolean)`),
        values: [o.schema, o.name, o.present],
      };
    case 'constraint':
      return {
        text: exists(`from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and c.relname = $2 and k.conname = $3 and (k.convalidated or not $4::boolean)`),
        values: [o.schema, o.table, o.name, o.valid === true],
      };
    case 'trigger':
      return {
        text: exists(trigger),
        values: [o.schema, o.table, o.name],
      };
    case 'trigger-or-columns':
      return {
        text: `select exists (select ${trigger}) or exists (select ${column.replace('a.attname = $3', 'a.attname = any ($4::text[])')}) as present`,
        values: [o.schema, o.table, o.name, o.columns],
      };
    case 'statistics':
      return {
        text: exists(`from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
          where n.nspname = $1 and s.stxname = $2`),
        values: [o.schema, o.name],
      };
  }
}
