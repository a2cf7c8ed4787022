import type { Catalog } from '../catalog/model.js';
import { tableId } from '../catalog/quote.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { NotNull } from '../kinds/not-null.js';
import type { PlainIndex } from '../kinds/plain-index.js';
import type { UniqueKey } from '../kinds/unique-key.js';
import type { KeyFacts } from '../plan/domains.js';
import type { ColumnRef } from '../plan/model.js';
import { at } from './live-keys.js';

/** What checking or proposing a plan asks of a catalog; what stands on legacy columns is history. Pure. */
export function keyFactsOf(catalog: Catalog, legacyColumns: ColumnRef[] = []): KeyFacts {
  const legacy = new Set(legacyColumns.map((c) => at(c.table, c.column)));
  const live = catalog.objects.filter((o) => !o.names.some((c) => legacy.has(at(c.table, c.column))));
  const keys = live.filter((o) => o.kind === 'unique-key') as UniqueKey[];
  const indexes = live.filter((o) => o.kind === 'index') as PlainIndex[];
  const pick = ({ table, columns, name }: UniqueKey) => ({ table, columns, name });
  return {
    tables: catalog.tables,
    primaryKeys: keys.filter((k) => k.primary).map(pick),
    foreignKeys: (live.filter((o) => o.kind === 'foreign-key') as ForeignKey[]).map(
      ({ table, columns, refTable, refColumns, name }) => ({ table, columns, refTable, refColumns, name }),
    ),
    uniques: [
      ...keys.filter((k) => !k.primary).map(pick),
      ...indexes.flatMap(({ table, name, shape, valid }) => {
        const columns = shape.keys.map((key) => key.column);
        const plain = shape.unique && valid && shape.predicate === null;
        return plain && columns.every((c): c is string => c !== null) ? [{ table, columns, name }] : [];
      }),
    ],
    // those of legacy columns still have their names
    indexNames: catalog.objects.flatMap(({ kind, table, name }) =>
      table !== null && /^(index|unique-key|exclusion constraint)$/.test(kind) ? [{ table, name }] : [],
    ),
    constraintNames: catalog.objects.flatMap((object) => {
      const { kind, table, name } = object;
      const named =
        /^(check|foreign-key)$/.test(kind) || (kind === 'not-null' && (object as NotNull).hasName);
      return table !== null && named ? [{ table, name }] : [];
    }),
    relations: (catalog.relations ?? []).map(({ schema, name, kind }) => ({
      schema,
      name,
      called: `${kind} ${tableId(schema, name)}`,
    })),
  };
}
