import type { Column, Table } from '../catalog/model.js';
import type { ColumnRef, Plan, TableId } from './model.js';

/** What is asked of a catalog to check or propose a plan: tables with their keys. */
export interface KeyFacts {
  tables: Table[];
  primaryKeys: { table: TableId; columns: string[]; name: string }[];
  foreignKeys: { table: TableId; columns: string[]; refTable: TableId; refColumns: string[]; name: string }[];
  /** unique constraints and, where they are known, plain unique indexes without predicate or expression */
  uniques: { table: TableId; columns: string[]; name: string }[];
  /** names of all indexes, which no constraint of their schema can have */
  indexNames?: { table: TableId; name: string }[];
  /** checks, foreign keys and NOT NULLs that have a name: no other constraint of their table can have it */
  constraintNames?: { table: TableId; name: string }[];
  /** views, sequences and the like: no constraint over an index can have their names; `called` as 'view old_people' */
  relations?: { schema: string; name: string; called: string }[];
}

const integerTypes = new Set(['smallint', 'integer', 'bigint']);

export function isInteger(column: Column): boolean {
  return integerTypes.has(column.type);
}

/** The catalog's tables by name, with what a plan asks of them. */
export class KeyIndex {
  readonly tables: Map<TableId, Table>;
  private readonly keys: Map<TableId, string[]>;
  private readonly parents = new Map<string, string>();

  constructor(readonly facts: KeyFacts) {
    this.tables = new Map(facts.tables.map((table) => [table.id, table]));
    this.keys = new Map(facts.primaryKeys.map((key) => [key.table, key.columns]));
    for (const fk of facts.foreignKeys) {
      fk.columns.forEach((column, i) => {
        const from = this.root({ table: fk.table, column });
        const to = this.root({ table: fk.refTable, column: fk.refColumns[i]! });
        if (from !== to) this.parents.set(from, to);
      });
    }
  }

  key(table: TableId): string[] | null {
    return this.keys.get(table) ?? null;
  }

  column(ref: ColumnRef): Column | null {
    return this.tables.get(ref.table)?.columns.find((c) => c.name === ref.column) ?? null;
  }

  columnNames(table: TableId): string[] {
    return this.tables.get(table)?.columns.map((c) => c.name) ?? [];
  }

  /** Columns that foreign keys tie together, directly or through others, have the same domain. */
  domain(ref: ColumnRef): string {
    return this.root(ref);
  }

  /** Tables that this column refers to by a foreign key; a table that refers to itself left out. */
  parentsOf(ref: ColumnRef): TableId[] {
    return this.facts.foreignKeys
      .filter((fk) => fk.table === ref.table && fk.refTable !== ref.table && fk.columns.includes(ref.column))
      .map((fk) => fk.refTable);
  }

  isUnique(ref: ColumnRef): boolean {
    const exactly = (one: { table: TableId; columns: string[] }) =>
      one.table === ref.table && one.columns.length === 1 && one.columns[0] === ref.column;
    return this.facts.uniques.some(exactly) || this.facts.primaryKeys.some(exactly);
  }

  private root(ref: ColumnRef): string {
    let node = JSON.stringify([ref.table, ref.column]);
    for (let up = this.parents.get(node); up !== undefined; up = this.parents.get(node)) node = up;
    return node;
  }
}

/** The phase that moves each domain: the one that lists its key. Where two do, the first; check-catalog refuses that. */
export function phaseOfDomains(plan: Plan, index: KeyIndex): Map<string, string> {
  const found = new Map<string, string>();
  for (const phase of plan.phases) {
    if (phase.kind !== 'tables') continue;
    for (const { table, key } of phase.tables) {
      const columns = index.key(table);
      if (key.source === 'surrogate' || columns?.length !== 1) continue;
      const domain = index.domain({ table, column: columns[0]! });
      if (!found.has(domain)) found.set(domain, phase.phase);
    }
  }
  return found;
}

/** Integer columns of primary keys that no phase moves, for `plan check` to show. Partitions follow their parents. */
export function integerKeysInNoPhase(plan: Plan, facts: KeyFacts): (ColumnRef & { type: string })[] {
  const index = new KeyIndex(facts);
  const moved = phaseOfDomains(plan, index);
  return facts.primaryKeys.flatMap(({ table, columns }) => {
    if (index.tables.get(table)?.isPartition ?? true) return [];
    return columns.flatMap((column) => {
      const found = index.column({ table, column });
      if (!found || !isInteger(found) || moved.has(index.domain({ table, column }))) return [];
      return [{ table, column, type: found.type }];
    });
  });
}
