import type { ClientBase } from 'pg';
import type { Text } from './ledger.js';
import { clientTables, type TableName, tableNames } from './tables.js';

export interface FoundRow {
  table: TableName;
  label: string;
  key: Text;
  values: Record<string, Text>;
  references: Record<string, Text>;
  sum: number | null;
  /** more than one only where clients add to sums */
  rows: number;
}

/** What a reference that is set leads to where no such row is. */
export const nowhere = '(nowhere)';

/** Every row by value: references are followed to the label of the row that they lead to. In one snapshot where the caller has one. */
export async function readState(client: ClientBase): Promise<Map<string, FoundRow>> {
  const state = new Map<string, FoundRow>();
  for (const table of tableNames) {
    const { rows } = await client.query<Record<string, Text>>(stateSql(table));
    const { key, values, references, sum } = clientTables[table];
    for (const row of rows) {
      const id = `${table}/${row.label}`;
      const before = state.get(id);
      const found: FoundRow = {
        table,
        label: row.label as string,
        key: key ? (row.key as Text) : null,
        values: Object.fromEntries(values.map((c) => [c, row[c] as Text])),
        references: Object.fromEntries(Object.keys(references).map((c) => [c, row[c] as Text])),
        sum: sum ? Number(row.sum) + (before?.sum ?? 0) : null,
        rows: 1 + (before?.rows ?? 0),
      };
      state.set(id, found);
    }
  }
  return state;
}

function stateSql(table: TableName): string {
  const { key, values, references, sum } = clientTables[table];
  const columns = [
    't.label',
    ...(key ? [`t.${key}::text as key`] : []),
    ...values.map((c) => `t.${c}::text as ${c}`),
    ...(sum ? [`t.${sum}::text as sum`] : []),
    ...Object.entries(references).map(
      ([c, parent]) =>
        `case when t.${c} is not null then coalesce((select p.label from shop.${parent} p where p.${clientTables[parent].key} = t.${c}), '${nowhere}') end as ${c}`,
    ),
  ];
  return `select ${columns.join(', ')} from shop.${table} t`;
}
