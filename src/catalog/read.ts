import type { AnyKind } from './kind.js';
import type { Catalog, CatalogObject, Relation, Table } from './model.js';
import { quoteLiteral, tableId } from './quote.js';
import { relationsSql } from './relations.js';
import { tablesSql } from './tables.js';

/** Runs one query and gives its rows: all that the catalog needs of a connection. */
export type Query = <Row>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Schemas of the system and of Rekey: a pattern that reads the same in both languages. */
const notRead = '^(pg_|information_schema$|rekey$|rekey_)';

interface ObjectRow {
  name: string;
  schema: string;
  relation: string;
  named?: string[] | null;
  columns?: string[];
  refSchema?: string;
  refRelation?: string;
  refColumns?: string[];
}

/**
 * Reads the whole catalog of a database, schemas of the system and of Rekey left out. Locks: ACCESS SHARE on pg_catalog.
 * `schemas` narrows it to the ones named, for the trial on empty copies.
 */
export async function readCatalog(query: Query, kinds: AnyKind[], schemas?: string[]): Promise<Catalog> {
  const [server] = await query<{ version: number; database: string }>(
    `select pg_catalog.current_setting('server_version_num')::int as version, pg_catalog.current_database() as database`,
  );
  const { version, database } = server!;
  const belongs = (schema: string) =>
    schemas ? schemas.includes(schema) : !new RegExp(notRead).test(schema);
  // PostgreSQL takes objects apart one by one: half of them would be its own, or those of the trial's copies
  const read = schemas
    ? `nspname = any (array[${schemas.map(quoteLiteral).join(', ')}]::name[])`
    : `nspname !~ ${quoteLiteral(notRead)}`;
  const namespaces = `(select oid, nspname from pg_catalog.pg_namespace where ${read})`;

  const tables = (await query<{ table: Omit<Table, 'id'> }>(tablesSql(version, namespaces)))
    .map(({ table }) => ({ ...table, id: tableId(table.schema, table.name) }))
    .filter((table) => belongs(table.schema))
    .sort(byId);

  const objects: CatalogObject[] = [];
  for (const kind of kinds) {
    for (const { object } of await query<{ object: ObjectRow }>(kind.query(version, namespaces))) {
      if (belongs(object.schema)) objects.push(toObject(kind.kind, object));
    }
  }
  const relations = (await query<Relation>(relationsSql)).filter((relation) => belongs(relation.schema));
  return { version, database, tables, objects: objects.sort(byId), relations };
}

function toObject(kind: string, row: ObjectRow): CatalogObject {
  const { schema, relation, named, refSchema, refRelation, ...rest } = row;
  const table = tableId(schema, relation);
  const own = (named ?? row.columns ?? []).map((column) => ({ table, column }));
  const refTable = refRelation === undefined ? undefined : tableId(refSchema as string, refRelation);
  const others =
    refTable === undefined ? [] : (row.refColumns ?? []).map((column) => ({ table: refTable, column }));
  return {
    ...rest,
    ...(refTable === undefined ? {} : { refTable }),
    kind,
    id: `${kind} ${table}.${row.name}`,
    table,
    names: [...own, ...others],
  } as CatalogObject;
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
