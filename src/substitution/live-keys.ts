import type { Catalog, Column } from '../catalog/model.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { UniqueKey } from '../kinds/unique-key.js';
import type { ColumnRef, Plan, TableId } from '../plan/model.js';
import { keySequence } from './names.js';

/** Keys and foreign keys as they count for a phase: what names a legacy column of an earlier one is left out. */
export class LiveKeys {
  readonly foreignKeys: ForeignKey[];
  readonly primaryKeys: Map<TableId, UniqueKey>;

  constructor(
    private readonly plan: Plan,
    private readonly catalog: Catalog,
    legacyColumns: ColumnRef[],
  ) {
    const legacy = new Set(legacyColumns.map((c) => at(c.table, c.column)));
    const live = catalog.objects.filter((o) => !o.names.some((c) => legacy.has(at(c.table, c.column))));
    this.foreignKeys = live.filter((o) => o.kind === 'foreign-key') as ForeignKey[];
    const keys = live.filter((o) => o.kind === 'unique-key') as UniqueKey[];
    this.primaryKeys = new Map(keys.filter((k) => k.primary).map((k) => [k.table, k]));
  }

  /** What refers to a column: by a declared foreign key, or by a reference that the plan declares. */
  childrenOf(parent: ColumnRef): ColumnRef[] {
    const declared = this.foreignKeys.flatMap((k) => {
      if (k.refTable !== parent.table) return [];
      return k.refColumns.flatMap((c, i) =>
        c === parent.column ? [{ table: k.table, column: k.columns[i] as string }] : [],
      );
    });
    const primary = this.primaryKeys.get(parent.table)?.columns;
    const promised = this.plan.references
      .filter((r) => r.to === parent.table && r.path === null && r.each === null && r.by === null)
      .map((r) => r.from);
    return [...declared, ...(primary?.length === 1 && primary[0] === parent.column ? promised : [])];
  }

  /** The sequence in schema rekey that a key without a default of its own needs. */
  sequenceFor(table: TableId, column: string): string | null {
    const found = this.columnOf(table, column);
    return found && (found.identity || found.default) ? null : keySequence(table);
  }

  columnOf(table: TableId, column: string): Column | undefined {
    return this.catalog.tables.find((t) => t.id === table)?.columns.find((c) => c.name === column);
  }

  /** Referencing tables before referenced ones; inside a cycle by name. */
  inLockOrder(tables: Set<TableId>): TableId[] {
    const order: TableId[] = [];
    const visiting = new Set<TableId>();
    const visit = (table: TableId) => {
      if (visiting.has(table)) return;
      visiting.add(table);
      const children = this.foreignKeys
        .filter((k) => k.refTable === table && tables.has(k.table))
        .map((k) => k.table);
      for (const child of [...new Set(children)].sort()) visit(child);
      order.push(table);
    };
    for (const table of [...tables].sort()) visit(table);
    return order;
  }
}

export function at(table: TableId, column: string): string {
  return `${table}\u0000${column}`;
}
