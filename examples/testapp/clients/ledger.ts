import type { ClientBase } from 'pg';
import { readShape, type Shape } from './shape.js';
import { type ClientTable, clientTables } from './tables.js';

/** What was acknowledged for one row: texts, and for each reference the text that stands for the row it leads to. */
export interface Acknowledged {
  table: string;
  reference: string;
  values: Record<string, string>;
  /** by column, `pair` for a child of cycle_reports */
  references: Record<string, string | null>;
  deleted: boolean;
}

/** What an operation did, told only once the server has acknowledged it. */
export type Change =
  | {
      table: string;
      reference: string;
      created: true;
      values: Record<string, string>;
      references: Record<string, string | null>;
    }
  | {
      table: string;
      reference: string;
      values?: Record<string, string>;
      references?: Record<string, string | null>;
    }
  | { table: string; reference: string; deleted: true };

export class Ledger {
  readonly rows = new Map<string, Acknowledged>();

  acknowledge(changes: Change[]): void {
    for (const change of changes) {
      const id = `${change.table}/${change.reference}`;
      const before = this.rows.get(id);
      if ('deleted' in change) {
        if (before) before.deleted = true;
      } else if ('created' in change || !before) {
        this.rows.set(id, {
          table: change.table,
          reference: change.reference,
          values: { ...change.values },
          references: { ...change.references },
          deleted: false,
        });
      } else {
        Object.assign(before.values, change.values);
        Object.assign(before.references, change.references);
      }
    }
  }

  /** An operation whose outcome nobody knows: nothing can be said of its rows any more. */
  forget(changes: Change[]): void {
    for (const change of changes) this.rows.delete(`${change.table}/${change.reference}`);
  }
}

export interface LedgerCheck {
  checked: number;
  missing: string[];
  /** deleted and acknowledged as such, yet there */
  returned: string[];
  changed: string[];
}

/**
 * Compares the database with what was acknowledged, by value: keys play no part, every reference is followed to the
 * text of the row it leads to. Works before, between and after cutovers; lists hold at most 50 lines each.
 */
export async function checkAcknowledged(client: ClientBase, ledger: Ledger): Promise<LedgerCheck> {
  const shape = await readShape(client);
  const result: LedgerCheck = { checked: 0, missing: [], returned: [], changed: [] };
  const byTable = new Map<string, Acknowledged[]>();
  for (const row of ledger.rows.values()) {
    const rows = byTable.get(row.table) ?? [];
    rows.push(row);
    byTable.set(row.table, rows);
  }
  for (const [table, expected] of byTable) {
    const found = new Map<string, Record<string, string | null>>();
    for (let start = 0; start < expected.length; start += 10_000) {
      const labels = expected.slice(start, start + 10_000).map((row) => row.reference);
      const { rows } = await client.query<{ label: string }>(selectByValue(table, shape), [labels]);
      for (const row of rows) found.set(row.label, row as unknown as Record<string, string | null>);
    }
    for (const row of expected) compare(row, found.get(row.reference), result);
  }
  return result;
}

function compare(
  row: Acknowledged,
  found: Record<string, string | null> | undefined,
  result: LedgerCheck,
): void {
  const name = `${row.table} ${row.reference}`;
  const say = (list: string[], text: string) => list.length < 50 && list.push(text);
  result.checked++;
  if (row.deleted) {
    if (found) say(result.returned, name);
    return;
  }
  if (!found) {
    say(result.missing, name);
    return;
  }
  const expected = Object.entries({ ...row.values, ...row.references }).flatMap(([column, value]) => {
    // Both ways to a cycle's report must lead to the same one, where there are both.
    if (column === 'pair')
      return ['pair', 'surrogate'].filter((way) => way in found).map((way) => [way, value] as const);
    return [[column, value] as const];
  });
  for (const [column, value] of expected) {
    if (found[column] !== value) say(result.changed, `${name}: ${column} is ${found[column]}, was ${value}`);
  }
}

/** Every value as text and, for each reference, the label of the row that it leads to. */
function selectByValue(table: string, shape: Shape): string {
  const known = clientTables[table] as ClientTable;
  const columns = [
    `t.${known.label}::text as label`,
    ...known.values.map((value) => `t.${value}::text as ${value}`),
  ];
  const joins: string[] = [];
  const join = (name: string, parent: string, on: string) => {
    joins.push(`left join ${parent} ${name}_row on ${on}`);
    columns.push(`${name}_row.${clientTables[parent]?.label} as ${name}`);
  };
  for (const [column, parent] of Object.entries(known.references)) {
    // An adopted key stands in the column of the key, and is the reference to its parent, too.
    const stands = shape.has(table, column) ? column : shape.keyColumn(table);
    join(column, parent, `${column}_row.${shape.keyColumn(parent)} = t.${stands}`);
  }
  if (known.pair) {
    const way = shape.surrogate(table);
    if (way !== 'must')
      join('pair', 'cycle_reports', '(pair_row.cycle_id, pair_row.report_id) = (t.cycle_id, t.report_id)');
    if (way !== 'no') join('surrogate', 'cycle_reports', 'surrogate_row.id = t.cycle_report_id');
  }
  return `select ${columns.join(', ')} from ${table} t ${joins.join(' ')} where t.${known.label} = any($1::text[])`;
}
