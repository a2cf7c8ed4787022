import type { TableName } from './rows.js';

/** What the database said it has written, row by row: the last acknowledged state of each. */
export interface Entry {
  /** columns that refer to accounts, as the text reference of the account */
  refers: Record<string, string | null>;
  /** other columns, as text */
  values: Record<string, string>;
  /** an operation on it ended with an error after it was sent: what it holds is anybody's guess */
  unsure: boolean;
}

export class Ledger {
  /** by table, then by the row's text reference */
  readonly rows = new Map<TableName, Map<string, Entry>>();

  acknowledged(table: TableName, row: string, change: Partial<Omit<Entry, 'unsure'>>): void {
    const entry = this.entry(table, row);
    Object.assign(entry.refers, change.refers);
    Object.assign(entry.values, change.values);
  }

  unsure(table: TableName, row: string): void {
    this.entry(table, row).unsure = true;
  }

  get size(): number {
    return [...this.rows.values()].reduce((sum, rows) => sum + rows.size, 0);
  }

  private entry(table: TableName, row: string): Entry {
    const rows = this.rows.get(table) ?? new Map<string, Entry>();
    this.rows.set(table, rows);
    const entry = rows.get(row) ?? { refers: {}, values: {}, unsure: false };
    rows.set(row, entry);
    return entry;
  }
}
