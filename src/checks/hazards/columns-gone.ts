import { quoteTable, splitTableId, tableId } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { ColumnRef } from '../../plan/model.js';
import type { Database } from '../database.js';

/** A column that cleanup counts on. */
export interface CountedOn extends ColumnRef {
  /** of the table, as it was at preflight */
  oid: number;
  /** of a column that stood at preflight under another name; null for one that the phase made */
  num: number | null;
  isKey: boolean;
}

/**
 * Columns that others have renamed or dropped since the cutover. Renamed ones stop cleanup where it has to touch them; a
 * reference that has another name now is nothing to it. What was dropped is gone for good: cleanup goes on without it.
 * A key that the phase made is known by being the primary key. Locks: none on tables.
 */
export async function columnsGone(
  database: Database,
  columns: CountedOn[],
): Promise<{ renamed: Hazard[]; dropped: ColumnRef[] }> {
  const gone = await database.query<{
    at: number;
    schema: string | null;
    name: string;
    column: string | null;
  }>(
    `select l.at::int4 as at, n.nspname as schema, c.relname as name,
       coalesce((select a.attname from pg_catalog.pg_attribute a
           where a.attrelid = c.oid and a.attnum = l.num::int2 and not a.attisdropped),
         (select pg_catalog.min(a.attname::text) from pg_catalog.pg_constraint k
           join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
           where l.key and k.conrelid = c.oid and k.contype = 'p' and pg_catalog.cardinality(k.conkey) = 1
             and a.atttypid = 'uuid'::regtype)) as "column"
     from pg_catalog.json_to_recordset($1::json) as l(at int4, place text, "column" text, oid oid, num int4, key boolean)
     left join pg_catalog.pg_class c on c.oid = l.oid and c.relkind in ('r', 'p')
     left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where not exists (select from pg_catalog.pg_attribute a
       where a.attrelid = pg_catalog.to_regclass(l.place) and a.attname = l."column" and not a.attisdropped)
     order by 1`,
    [
      JSON.stringify(
        columns.map(({ table, column, oid, num, isKey }, at) => {
          const { schema, name } = splitTableId(table) ?? { schema: 'public', name: table };
          return { at, place: quoteTable(schema, name), column, oid, num, key: isKey };
        }),
      ),
    ],
  );
  // a table that has another name is said once, not for each of its columns
  const renamed = new Map<string, string>();
  const dropped: ColumnRef[] = [];
  for (const { at, schema, name, column: columnNow } of gone) {
    const { table, column } = columns[at] as CountedOn;
    const tableNow = schema === null ? null : tableId(schema, name);
    if (tableNow !== null && tableNow !== table) renamed.set(table, tableNow);
    else if (tableNow !== null && columnNow !== null) renamed.set(`${table}.${column}`, columnNow);
    else dropped.push({ table, column });
  }
  return { renamed: [...renamed].map(([on, now]) => hasAnotherName(on, now)), dropped };
}

function hasAnotherName(on: string, now: string): Hazard {
  return {
    hazard: 'phase-column-gone',
    rank: 'stop',
    on,
    message: `${on} was renamed: it is called ${now} now`,
    remedy: 'give it its name back, then resolve with retry',
  };
}
