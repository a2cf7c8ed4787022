import type { Hazard } from '../errors.js';
import type { ColumnRef, TableId } from '../plan/model.js';

/**
 * What one phase changes: a set of {before, shadow, after}, one for each member of each key domain. Everything else
 * follows from it and the catalog by pure functions.
 */
export interface Substitution {
  phase: string;
  domains: Domain[];
  members: Member[];
  /** every table with a member, referencing tables before referenced ones as far as cycles allow */
  tables: TableId[];
  /** columns that earlier phases left behind: their objects are carried along, never twinned */
  legacyColumns: ColumnRef[];
  hazards: Hazard[];
}

/** A primary key and every column that refers to it. */
export interface Domain {
  /** the table whose key it is */
  root: TableId;
  column: string | null;
  source: 'derived' | 'adopted' | 'surrogate';
  version: 4 | 7;
  time: string | null;
  /** name of its function in schema rekey; an adopted key has none of its own */
  keyFunction: string | null;
  /** the sequence in schema rekey that gives legacy integers where the key has none; null where it has a default */
  sequence: string | null;
}

export interface Member {
  table: TableId;
  /** null where a composite key gets a surrogate */
  before: string | null;
  shadow: string;
  after: string;
  legacy: string | null;
  /** integer, bigint or smallint; null where there is no column before */
  type: string | null;
  role: 'key' | 'reference' | 'surrogate' | 'surrogate-reference';
  /** a reference may have a hole after the cutover, a key that is no reference can't */
  isReference: boolean;
  /** the root table of its domain */
  domain: TableId;
  /** how the shadow's value comes from the row's integers */
  forward: Forward;
}

export type Forward =
  /** a function of the row's own columns (one, or a pair's) */
  | { by: 'function'; keyFunction: string; columns: string[] }
  /** the key that the adopting row has: a function of the adopting table's reference, found by its old key */
  | { by: 'lookup'; keyFunction: string; table: TableId; match: string; from: string; column: string };

export interface ForeignKeyFacts {
  name: string;
  table: TableId;
  columns: string[];
  refTable: TableId;
  refColumns: string[];
}
