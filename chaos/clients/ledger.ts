import type { TableName } from './tables.js';

export type Text = string | null;

/** What an operation does to one row, said without keys. */
export type Change = { table: TableName; label: string } & (
  | { what: 'create'; values: Record<string, Text>; references: Record<string, Text>; key?: string }
  | { what: 'change'; values?: Record<string, Text>; references?: Record<string, Text>; key?: string }
  | { what: 'delete' }
  /** to a sum that several clients add to; the row is made by whoever comes first */
  | { what: 'add'; by: number; values: Record<string, Text>; references: Record<string, Text> }
);

export interface KnownRow {
  table: TableName;
  label: string;
  values: Record<string, Text>;
  references: Record<string, Text>;
  deleted: boolean;
  sum: number | null;
  /** keys that the row was seen under, integers and UUIDs: all of them must translate to the one it has */
  keys: Set<string>;
}

/** All that was acknowledged, and what stood there before. Plain data of one run; nothing of it depends on keys but `keys`. */
export class Ledger {
  readonly rows = new Map<string, KnownRow>();
  /** labels of rows that nobody touches */
  readonly untouched = new Set<string>();
  /** what the clients themselves saw go wrong */
  readonly complaints: string[] = [];

  row(table: TableName, label: string): KnownRow | undefined {
    return this.rows.get(`${table}/${label}`);
  }

  acknowledge(changes: Change[]): void {
    for (const change of changes) this.apply(change);
  }

  /** A key that a row was seen under, in today's scheme. */
  learn(table: TableName, label: string, key: string): void {
    const row = this.row(table, label);
    if (row && !row.deleted) row.keys.add(key);
  }

  complain(text: string): void {
    if (this.complaints.length < 200) this.complaints.push(text);
  }

  private apply(change: Change): void {
    const id = `${change.table}/${change.label}`;
    const row = this.rows.get(id);
    if (change.what === 'create' || (change.what === 'add' && !row)) {
      this.rows.set(id, {
        table: change.table,
        label: change.label,
        values: { ...change.values },
        references: { ...change.references },
        deleted: false,
        sum: change.what === 'add' ? change.by : null,
        keys: new Set('key' in change && change.key ? [change.key] : []),
      });
    } else if (!row) {
      this.complain(`the clients changed ${id}, which they had not made`);
    } else if (change.what === 'add') {
      row.sum = (row.sum ?? 0) + change.by;
    } else if (change.what === 'delete') {
      row.deleted = true;
      row.keys.clear();
    } else {
      Object.assign(row.values, change.values);
      Object.assign(row.references, change.references);
      if (change.key) row.keys = new Set([change.key]);
    }
  }
}
