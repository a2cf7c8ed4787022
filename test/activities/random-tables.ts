/** What a schema made at random is made of, and what its keys are. */

export interface Reference {
  column: string;
  /** index of the table that it refers to, which has a key of one column */
  target: number;
  nullable: boolean;
  unique: boolean;
  rules: string;
  deferrable: boolean;
  byDefault: boolean;
  notValid: boolean;
  /** a column beside it that has the parent's n: a second foreign key refers to both */
  withN: string | null;
}

export interface PairReference {
  columns: [string, string];
  target: number;
  full: boolean;
  rules: string;
  deferrable: boolean;
}

export type Key =
  | { kind: 'own'; column: string; type: string; generator: string; adopt: number | null }
  /** the column of the first reference is the key */
  | { kind: 'shared' }
  /** the columns of the first two references are the key */
  | { kind: 'pair'; surrogate: boolean };

export interface RandomTable {
  name: string;
  key: Key;
  listed: boolean;
  references: Reference[];
  pairs: PairReference[];
  extras: string[];
  rows: RandomRow[];
}

export interface RandomRow {
  label: string;
  n: number;
  key: number | null;
  /** index of the parent's row */
  references: (number | null)[];
  pairs: (number | null)[];
}

export interface RandomSchema {
  tables: RandomTable[];
  plan: string;
}

export const adoptedAs = 'adopted key';
export const surrogateAs = 'sid';
export const childrenAs = (table: RandomTable) => `${table.name.slice(0, 8)}_sid`;

export function typeOf(tables: RandomTable[], at: number): string {
  const { key, references } = tables[at] as RandomTable;
  return key.kind === 'own' ? key.type : typeOf(tables, references[0]?.target as number);
}

export function keyColumn(table: RandomTable): string {
  return table.key.kind === 'own' ? table.key.column : (table.references[0]?.column as string);
}

/** The integer that a row has as its key, through shared keys. */
export function keyOf(tables: RandomTable[], at: number, row: number): number {
  const table = tables[at] as RandomTable;
  const found = table.rows[row] as RandomRow;
  if (found.key !== null) return found.key;
  return keyOf(tables, table.references[0]?.target as number, found.references[0] as number);
}

/** The table whose key stands behind a column, through shared keys. */
export function rootOf(tables: RandomTable[], at: number): number {
  const { key, references } = tables[at] as RandomTable;
  return key.kind === 'own' ? at : rootOf(tables, references[0]?.target as number);
}
