import type { Client } from 'pg';
import { quoteTable, tableId } from '../catalog/quote.js';
import { RekeyError } from '../errors.js';
import type { TableId } from '../plan/model.js';
import type { ForeignKeyEntry, SequenceEntry, TableEntry } from './manifest.js';

/** What the snapshot holds, as far as a backup has to know it. */
export interface Contents {
  /** every table of the database that isn't an extension's; `data` says whose rows belong into the backup */
  tables: (TableEntry & { data: boolean; bytes: number })[];
  foreignKeys: ForeignKeyEntry[];
}

/**
 * Reads the tables of a database and picks those whose rows are wanted, with their partitions and children.
 * @param wanted null: all of them
 * @param wholeSchema pg_dump writes the schema, so that it reads (and locks) every table
 * Throws StepFailed `backup.no-table`, `privilege.missing`, `backup.row-security`, with the names of the tables.
 */
export async function readContents(
  client: Client,
  wanted: TableId[] | null,
  wholeSchema: boolean,
): Promise<Contents> {
  const { rows } = await client.query<TableRow>(tablesQuery);
  const chosen = wanted === null ? null : withChildren(rows, wanted);
  const tables = rows.map((row) => ({
    table: tableId(row.schema, row.name),
    schema: row.schema,
    name: row.name,
    oid: Number(row.oid),
    kind: row.kind,
    parents: row.parents.map(Number),
    columns: row.columns,
    rows: null,
    bytes: Number(row.bytes),
    data: row.kind === 'table' && (chosen === null || chosen.has(row.oid)),
  }));
  refuse(
    rows.filter((row, i) => !row.readable && (wholeSchema || tables[i]?.data)),
    'privilege.missing',
    (names) =>
      `no SELECT on ${names}${wholeSchema ? ': pg_dump locks every table, even those whose rows it leaves out' : ''}`,
    (names) =>
      `Grant it: grant select on ${names} to the role of this connection (and usage on their schemas).`,
    '42501',
  );
  refuse(
    rows.filter((row, i) => row.filtered && tables[i]?.data),
    'backup.row-security',
    (names) => `row-level security hides rows of ${names} from this role`,
    () => 'Let the owner of the tables connect, without FORCE ROW LEVEL SECURITY on them.',
    '42501',
  );
  const foreignKeys = await client.query<ForeignKeyEntry>(foreignKeysQuery);
  return { tables, foreignKeys: foreignKeys.rows.map((row) => ({ ...row, oid: Number(row.oid) })) };
}

/** Rows by count(*), one table after the other, in the snapshot. */
export async function countRows(client: Client, table: { schema: string; name: string }): Promise<number> {
  const { rows } = await client.query<{ rows: string }>(
    `select count(*)::int8 as rows from only ${quoteTable(table.schema, table.name)}`,
  );
  return Number(rows[0]?.rows);
}

/** Where every sequence stands. Sequences don't keep to snapshots: never behind the rows of this one. */
export async function readSequences(client: Client): Promise<SequenceEntry[]> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    `select n.nspname::text as schema, c.relname::text as name
     from pg_sequence as s join pg_class as c on c.oid = s.seqrelid join pg_namespace as n on n.oid = c.relnamespace
     where c.relpersistence <> 't' and has_sequence_privilege(s.seqrelid, 'select') order by 1, 2`,
  );
  const sequences: SequenceEntry[] = [];
  for (const { schema, name } of rows) {
    const state = await client.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${quoteTable(schema, name)}`,
    );
    sequences.push({ schema, name, last: state.rows[0]!.last, called: state.rows[0]!.called });
  }
  return sequences;
}

interface TableRow {
  oid: string;
  schema: string;
  name: string;
  kind: 'table' | 'partitioned';
  parents: string[];
  columns: string[];
  bytes: string;
  readable: boolean;
  filtered: boolean;
}

const tablesQuery = `
  select c.oid::int8 as oid, n.nspname::text as schema, c.relname::text as name,
         case c.relkind when 'p' then 'partitioned' else 'table' end as kind,
         array(select i.inhparent::int8 from pg_inherits as i where i.inhrelid = c.oid)::text[] as parents,
         array(select a.attname::text from pg_attribute as a
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
               order by a.attnum) as columns,
         -- not pg_table_size: it would wait for a lock
         c.relpages::int8 * 8192 as bytes,
         has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage') as readable,
         row_security_active(c.oid) as filtered
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relpersistence <> 't'
    and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
    and not exists (select from pg_depend as d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by 2, 3`;

const foreignKeysQuery = `
  select k.oid::int8 as oid, k.conname::text as name, k.conrelid::int8::text as table, k.confrelid::int8::text as to
  from pg_constraint as k where k.contype = 'f' and k.conparentid = 0 order by k.oid`;

function withChildren(rows: TableRow[], wanted: TableId[]): Set<string> {
  const byId = new Map(rows.map((row) => [tableId(row.schema, row.name), row]));
  const missing = wanted.filter((table) => !byId.has(table));
  if (missing.length > 0)
    throw new RekeyError('StepFailed', {
      code: 'backup.no-table',
      message: `there is no table ${list(missing)} to back up`,
      remedy: 'Compare the names in the plan with those in the database: case counts.',
    });
  const chosen = new Set(wanted.map((table) => byId.get(table)!.oid));
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size;
    for (const row of rows) if (row.parents.some((parent) => chosen.has(parent))) chosen.add(row.oid);
  }
  return chosen;
}

function refuse(
  rows: TableRow[],
  code: string,
  message: (names: string) => string,
  remedy: (names: string) => string,
  sqlstate: string,
): void {
  if (rows.length === 0) return;
  const names = list(rows.map((row) => tableId(row.schema, row.name)));
  throw new RekeyError('StepFailed', { code, message: message(names), remedy: remedy(names), sqlstate });
}

function list(names: string[]): string {
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  return `${names.slice(0, 10).join(', ')}${more}`;
}
