import type { Catalog, CatalogObject } from '../catalog/model.js';
import type { KeyFacts } from './domains.js';

/** What the kinds that a plan asks about have in common with its question; src/kinds has the whole of them. */
interface UniqueKeyObject extends CatalogObject {
  primary: boolean;
  columns: string[];
}
interface ForeignKeyObject extends CatalogObject {
  columns: string[];
  refTable: string;
  refColumns: string[];
}
interface IndexObject extends CatalogObject {
  valid: boolean;
  shape: { unique: boolean; predicate: string | null; keys: { column: string | null }[] };
}

/** The keys of a catalog, as plans are checked against them and proposed from them. Pure. */
export function keyFactsOf(catalog: Catalog): KeyFacts {
  const of = <T extends CatalogObject>(kind: string) =>
    catalog.objects.filter((one) => one.kind === kind) as T[];
  const named = <T extends CatalogObject>({ table, name }: T) => ({ table: table ?? '', name });
  const keys = of<UniqueKeyObject>('unique-key');
  const uniqueIndexes = of<IndexObject>('index').filter(
    ({ valid, shape }) =>
      valid && shape.unique && shape.predicate === null && shape.keys.every((k) => k.column !== null),
  );
  return {
    tables: catalog.tables,
    primaryKeys: keys.filter((k) => k.primary).map((k) => ({ ...named(k), columns: k.columns })),
    foreignKeys: of<ForeignKeyObject>('foreign-key').map((k) => ({
      ...named(k),
      columns: k.columns,
      refTable: k.refTable,
      refColumns: k.refColumns,
    })),
    uniques: [
      ...keys.filter((k) => !k.primary).map((k) => ({ ...named(k), columns: k.columns })),
      ...uniqueIndexes.map((i) => ({ ...named(i), columns: i.shape.keys.map((k) => k.column!) })),
    ],
  };
}
