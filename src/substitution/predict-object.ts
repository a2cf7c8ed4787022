import type { CatalogObject } from '../catalog/model.js';
import { quoteAsPostgres } from '../catalog/quote-as-postgres.js';
import { renameColumns } from '../catalog/rewrite.js';
import type { IndexShape } from '../kinds/index-shape.js';
import type { ColumnRef, TableId } from '../plan/model.js';

/** What a column is called from now on; undefined where it is no member. */
export type NewName = (table: TableId, column: string) => string | undefined;

/** The fields in which any kind keeps columns; what a kind does not have is not there. */
interface Fields {
  column?: string;
  columns?: string[];
  refTable?: TableId;
  refColumns?: string[];
  setColumns?: string[];
  shape?: IndexShape;
  expression?: string;
  expressions?: string[];
}

/** Kinds whose objects are called as their column is. */
const namedByColumn = new Set(['column-attributes', 'default']);

/**
 * The object as the catalog will read it when its columns have other names; `toUuid` says that they are the UUID columns,
 * so that operator classes of integers have become those of uuid.
 */
export function withColumns<O extends CatalogObject>(object: O, rename: NewName, toUuid: boolean): O {
  const fields = object as O & Fields;
  const table = object.table as TableId;
  const own = (column: string) => rename(table, column) ?? column;
  const theirs = (column: string) => rename(fields.refTable as TableId, column) ?? column;
  const text = (expression: string) => inExpression(expression, (c) => rename(table, c));
  const changed: Fields & Partial<CatalogObject> = {
    names: dedupe(
      object.names.map((c) => ({ table: c.table, column: rename(c.table, c.column) ?? c.column })),
    ),
  };
  if (fields.column !== undefined) changed.column = own(fields.column);
  if (fields.columns) changed.columns = [...new Set(fields.columns.map(own))];
  if (fields.refColumns) changed.refColumns = fields.refColumns.map(theirs);
  if (fields.setColumns) changed.setColumns = fields.setColumns.map(own);
  if (fields.shape) changed.shape = withShape(fields.shape, (c) => rename(table, c), toUuid);
  if (object.kind === 'check' && fields.expression !== undefined)
    changed.expression = text(fields.expression);
  if (fields.expressions) changed.expressions = fields.expressions.map(text);
  return called(
    { ...object, ...changed } as O,
    namedByColumn.has(object.kind) ? (changed.column as string) : object.name,
  );
}

/** The same object under another name. */
export function called<O extends CatalogObject>(object: O, name: string): O {
  return { ...object, name, id: `${object.kind} ${object.table}.${name}` };
}

/** What `create index` alone makes: without what other statements set. */
export function plainShape(shape: IndexShape): IndexShape {
  return {
    ...shape,
    clustered: false,
    replicaIdentity: false,
    keys: shape.keys.map((key) => ({ ...key, statisticsTarget: null })),
  };
}

/** A B-tree over one column. */
export function simpleShape(column: string, unique: boolean): IndexShape {
  return {
    method: 'btree',
    unique,
    nullsNotDistinct: false,
    keys: [
      {
        column,
        expression: null,
        opclass: null,
        opclassOptions: null,
        collation: null,
        descending: false,
        nullsFirst: false,
        statisticsTarget: null,
      },
    ],
    include: [],
    predicate: null,
    options: [],
    tablespace: null,
    clustered: false,
    replicaIdentity: false,
  };
}

function withShape(
  shape: IndexShape,
  rename: (c: string) => string | undefined,
  toUuid: boolean,
): IndexShape {
  return {
    ...shape,
    keys: shape.keys.map((key) => {
      if (key.column === null) return { ...key, expression: inExpression(key.expression as string, rename) };
      const name = rename(key.column);
      if (name === undefined) return key;
      return { ...key, column: name, opclass: toUuid ? asUuid(key.opclass) : key.opclass };
    }),
    include: [...new Set(shape.include.map((c) => rename(c) ?? c))],
    predicate: shape.predicate === null ? null : inExpression(shape.predicate, rename),
  };
}

const asUuid = (opclass: string | null) => opclass?.replace(/\bint[248]_/, 'uuid_') ?? null;

/** PostgreSQL prints the expression again when it is asked: names that stay are left as they are printed now. */
function inExpression(expression: string, rename: (c: string) => string | undefined): string {
  const changes = (c: string) => {
    const name = rename(c);
    return name === c ? undefined : name;
  };
  return renameColumns(expression, changes, quoteAsPostgres);
}

function dedupe(names: ColumnRef[]): ColumnRef[] {
  const seen = new Set<string>();
  return names.filter((c) => {
    const text = `${c.table}\u0000${c.column}`;
    return seen.has(text) ? false : seen.add(text);
  });
}
