import type { ClientBase } from 'pg';
import { clientTables } from './tables.js';

/** What a client knows of the schema: which columns there are, and which of them are UUIDs. */
export interface Shape {
  has(table: string, column: string): boolean;
  isUuid(table: string, column: string): boolean;
  /** the column that holds a table's key today: an adopted key has another name after its cutover */
  keyColumn(table: string): string;
  /** children of cycle_reports may, or after cleanup must, name their parent by cycle_report_id */
  surrogate(table: string): 'no' | 'may' | 'must';
}

export async function readShape(client: ClientBase): Promise<Shape> {
  const { rows } = await client.query<{ table: string; column: string; uuid: boolean }>(
    `select c.relname::text as table, a.attname::text as column, a.atttypid = 'uuid'::regtype as uuid
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped`,
  );
  const columns = new Map(rows.map((row) => [`${row.table}.${row.column}`, row.uuid]));
  const has = (table: string, column: string) => columns.has(`${table}.${column}`);
  const isUuid = (table: string, column: string) => columns.get(`${table}.${column}`) === true;
  return {
    has,
    isUuid,
    keyColumn: (table) => {
      const known = clientTables[table]?.key;
      if (!known) throw new Error(`${table} has no key of one column`);
      return has(table, known) ? known : 'id';
    },
    surrogate: (table) => {
      if (!has(table, 'cycle_id')) return 'must';
      return isUuid(table, 'cycle_id') && has(table, 'cycle_report_id') ? 'may' : 'no';
    },
  };
}
