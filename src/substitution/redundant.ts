import type { Work } from '../catalog/kind.js';
import type { Catalog } from '../catalog/model.js';
import { quoteIdent, quoteTable } from '../catalog/quote.js';
import type { Hazard } from '../errors.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { ColumnRef, TableId } from '../plan/model.js';

/**
 * Columns that the plan calls redundant (the pair beside a surrogate's reference) go last, a table at a time, with the
 * foreign keys and indexes that name them. Locks: ACCESS EXCLUSIVE on the table and on what its foreign keys refer to.
 */
export function dropRedundantWork(columns: ColumnRef[], catalog: Catalog): Work[] {
  return tablesOf(columns).map((id) => {
    const table = catalog.tables.find((t) => t.id === id);
    const gone = columns.filter((c) => c.table === id).map((c) => c.column);
    const [schema, name] = [table?.schema ?? 'public', table?.name ?? id];
    const partners = catalog.objects
      .filter(
        (o) =>
          o.kind === 'foreign-key' &&
          o.table === id &&
          o.names.some((c) => c.table === id && gone.includes(c.column)),
      )
      .map((o) => (o as ForeignKey).refTable);
    return {
      text: `alter table ${quoteTable(schema, name)} ${gone.map((c) => `drop column if exists ${quoteIdent(c)}`).join(', ')}`,
      object: `redundant columns of ${id}`,
      locks: { mode: 'access exclusive', tables: [...new Set([id, ...partners])] },
      done: { see: 'column', schema, table: name, name: gone[gone.length - 1] as string, present: false },
    };
  });
}

/** What would go with a redundant column although it says more than the column does. */
export function redundantHazards(columns: ColumnRef[], catalog: Catalog): Hazard[] {
  return columns.flatMap(({ table, column }) =>
    catalog.objects.flatMap((o): Hazard[] => {
      const over = o.names.some((c) => c.table === table && c.column === column);
      const loses =
        o.kind === 'unique-key' ||
        (o.kind === 'foreign-key' && o.table !== table) ||
        /^(view|rule|policy|trigger|function|generated column|exclusion constraint)$/.test(o.kind);
      if (!over || !loses) return [];
      return [
        {
          hazard: 'redundant-column-in-use',
          rank: 'stop',
          on: `${table}.${column}`,
          message: `${o.kind} ${o.name} names ${table}.${column}, which the plan calls redundant`,
          remedy: `take the column out of redundant, or drop ${o.name} first`,
        },
      ];
    }),
  );
}

function tablesOf(columns: ColumnRef[]): TableId[] {
  return [...new Set(columns.map((c) => c.table))];
}
