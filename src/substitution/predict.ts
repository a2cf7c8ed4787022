import { cutName } from '../catalog/cut-name.js';
import type { AnyKind } from '../catalog/kind.js';
import type { Catalog, CatalogObject, Column, Table } from '../catalog/model.js';
import type { Default } from '../kinds/default.js';
import type { ExtendedStatistics } from '../kinds/extended-statistics.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { NotNull } from '../kinds/not-null.js';
import { overReference, type PlainIndex } from '../kinds/plain-index.js';
import type { UniqueKey } from '../kinds/unique-key.js';
import type { ColumnRef, TableId } from '../plan/model.js';
import { at } from './live-keys.js';
import { mergeAttributes } from './merge-attributes.js';
import { called, type NewName, plainShape, withColumns } from './predict-object.js';
import { plansOf, touchedObjects } from './statements.js';
import { surrogateObjects } from './surrogate-objects.js';
import { shadowsOf } from './sync.js';
import type { PhaseView } from './view.js';

/**
 * The catalog as it will be read after the cutover of a phase, as far as statements of later phases depend on it: so that
 * a dry run of a whole plan prints the statements of its last phase before its first one has run. Pure. Column numbers,
 * sizes and a reference's UUID default (which only the server can compute) are not foretold; no statement needs them.
 */
export function catalogAfter(view: PhaseView, kinds: AnyKind[]): Catalog {
  // names that the statements have been given are given again
  plansOf(view, kinds);
  const touched = new Set(touchedObjects(view).map((o) => o.id));
  const objects = [
    ...view.catalog.objects.flatMap((o) =>
      touched.has(o.id) ? afterCutover(view, o) : [withColumns(o, toLegacy(view), false)],
    ),
    ...surrogateObjects(view, 'after'),
  ];
  const tables = view.catalog.tables.map((table) => tableAfter(view, table, objects));
  return {
    ...view.catalog,
    tables,
    objects: mergeAttributes(inFiringOrder(objects, touched), (o) => o.id)
      .map((o) => (o.kind === 'statistics' ? inColumnOrder(o as ExtendedStatistics, tables) : o))
      .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)),
  };
}

/** Twins of foreign keys are made in the order of their originals, after all that stay, and a surrogate's after these. */
function inFiringOrder(objects: CatalogObject[], touched: Set<string>): CatalogObject[] {
  const keys = objects.filter((o) => o.kind === 'foreign-key') as ForeignKey[];
  const brought = keys.length;
  const place = (key: ForeignKey) => key.order + (touched.has(key.id) ? brought : 0);
  const ordered = keys.toSorted((a, b) => place(a) - place(b));
  const orders = new Map(
    ordered.map((key) => [key, ordered.filter((k) => k.refTable === key.refTable).indexOf(key) + 1]),
  );
  return objects.map((o) =>
    o.kind === 'foreign-key' ? ({ ...o, order: orders.get(o as ForeignKey) } as ForeignKey) : o,
  );
}

/** PostgreSQL keeps the columns of extended statistics by their number, and the UUID columns stand last. */
function inColumnOrder(object: ExtendedStatistics, tables: Table[]): ExtendedStatistics {
  const table = tables.find((t) => t.id === object.table);
  const place = (column: string) => table?.columns.findIndex((c) => c.name === column) ?? 0;
  return { ...object, columns: object.columns.toSorted((a, b) => place(a) - place(b)) };
}

/** Columns that the phase leaves behind: what later phases are told of beside those of earlier ones. */
export function legacyAfter(view: PhaseView): ColumnRef[] {
  const { legacyColumns, members } = view.substitution;
  return [
    ...legacyColumns,
    ...members.flatMap((m) => (m.legacy === null ? [] : [{ table: m.table, column: m.legacy }])),
  ];
}

const toLegacy =
  (view: PhaseView): NewName =>
  (table, column) =>
    view.member(table, column)?.legacy ?? undefined;
const toAfter =
  (view: PhaseView): NewName =>
  (table, column) =>
    view.member(table, column)?.after;

/** The twin under the original's name, and what is set aside. */
function afterCutover(view: PhaseView, object: CatalogObject): CatalogObject[] {
  const duplicate = view.isDuplicate(object.id);
  const twin = withColumns(object, toAfter(view), true);
  const aside = withColumns(object, toLegacy(view), false);
  switch (object.kind) {
    case 'index':
      return [...indexAside(view, object as PlainIndex, aside as PlainIndex), ...(duplicate ? [] : [twin])];
    case 'unique-key':
      return uniqueKeyAfter(view, object as UniqueKey, twin as UniqueKey, aside as UniqueKey);
    case 'not-null':
      return notNullAfter(view, object as NotNull, twin as NotNull, aside as NotNull);
    case 'statistics': {
      const { statisticsSchema } = object as CatalogObject & { statisticsSchema: string };
      return [called(aside, view.legacyName(object.name, statisticsSchema)), twin];
    }
    case 'column-attributes':
      return [aside, twin];
    case 'default': {
      const { column, expression } = object as Default;
      // the server computes the constant's UUID: this only says that there is one
      return view.member(object.table as TableId, column)?.isReference
        ? [{ ...twin, expression: `'key of ${expression}'::uuid` } as Default]
        : [aside];
    }
    case 'check':
    case 'foreign-key':
      return [twin];
    default:
      // a kind that is not carried over: the phase does not start while it is there
      return [aside];
  }
}

function indexAside(view: PhaseView, index: PlainIndex, aside: PlainIndex): PlainIndex[] {
  if (index.shape.unique && overReference(index, view)) return [];
  const stays = called(aside, view.legacyName(index.name, view.schemaOf(index.table)));
  return [{ ...stays, shape: { ...stays.shape, clustered: false, replicaIdentity: false } }];
}

function uniqueKeyAfter(view: PhaseView, key: UniqueKey, twin: UniqueKey, aside: UniqueKey): CatalogObject[] {
  const found: CatalogObject[] = [];
  if (!overReference(key, view)) {
    const name = view.legacyName(key.name, view.schemaOf(key.table));
    const index: PlainIndex = {
      kind: 'index',
      id: `index ${key.table}.${name}`,
      table: key.table,
      name,
      names: aside.names,
      shape: { ...plainShape(aside.shape), unique: true },
      comment: null,
      valid: true,
    };
    found.push(index);
  }
  if (view.isDuplicate(key.id)) return found;
  const surrogate = key.primary ? view.surrogateUnique(key.table) : undefined;
  const shape = { ...twin.shape, keys: twin.shape.keys.map((k) => ({ ...k, statisticsTarget: null })) };
  const after = called(
    { ...twin, primary: key.primary && surrogate === undefined, shape },
    surrogate ?? key.name,
  );
  return [...found, after];
}

function notNullAfter(view: PhaseView, object: NotNull, twin: NotNull, aside: NotNull): CatalogObject[] {
  const isReference = view.member(object.table, object.column)?.isReference;
  const nameOf = (o: NotNull) => (o.hasName ? o.name : `${view.nameOf(o.table)}_${o.column}_not_null`);
  const legacy = object.hasName ? cutName(`legacy_${object.name}`) : nameOf(aside);
  return [
    ...(isReference ? [] : [called(aside, legacy)]),
    ...(view.isDuplicate(object.id) ? [] : [called(twin, nameOf(twin))]),
  ];
}

/** Old columns under their legacy names in their places, the UUID columns behind them. */
function tableAfter(view: PhaseView, table: Table, objects: CatalogObject[]): Table {
  const mine = view.substitution.members.filter((m) => m.table === table.id);
  if (mine.length === 0) return table;
  const byBefore = new Map(mine.map((m) => [m.before, m]));
  const notNull = new Set(
    objects.filter((o) => o.kind === 'not-null').map((o) => at(o.table as TableId, (o as NotNull).column)),
  );
  const old = table.columns.map((column): Column => {
    const member = byBefore.get(column.name);
    if (!member) return column;
    const renamed = { ...column, name: member.legacy as string };
    return member.isReference ? { ...renamed, notNull: false, default: null } : renamed;
  });
  const last = Math.max(0, ...table.columns.map((c) => c.num));
  const added = shadowsOf(view, table.id).map((member, i): Column => {
    const before = table.columns.find((c) => c.name === member.before);
    return {
      num: last + 1 + i,
      name: member.after,
      type: 'uuid',
      notNull: notNull.has(at(table.id, member.after)),
      default: null,
      identity: null,
      generated: null,
      sequence: null,
      statisticsTarget: before?.statisticsTarget ?? null,
      comment: before?.comment ?? null,
      privileges: [],
    };
  });
  return { ...table, columns: [...old, ...added] };
}
