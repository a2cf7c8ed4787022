import { quoteIdent } from '../catalog/quote.js';
import { renameColumns } from '../catalog/rewrite.js';

/** What an index is, apart from its name: taken apart by PostgreSQL itself, so that nothing has to be parsed. */
export interface IndexShape {
  method: string;
  unique: boolean;
  nullsNotDistinct: boolean;
  keys: IndexKey[];
  include: string[];
  predicate: string | null;
  options: string[];
  tablespace: string | null;
  clustered: boolean;
  replicaIdentity: boolean;
}

export interface IndexKey {
  /** a plain column, else an expression */
  column: string | null;
  expression: string | null;
  /** quoted and qualified, null where it is the type's default */
  opclass: string | null;
  opclassOptions: string | null;
  collation: string | null;
  descending: boolean;
  nullsFirst: boolean;
  statisticsTarget: number | null;
}

export type ColumnMap = (column: string) => string | undefined;

/** The SQL that selects an IndexShape as JSON, for an index `i` of pg_index, `c` its pg_class row. */
export function indexShapeSql(version: number): string {
  return `json_build_object(
    'method', am.amname, 'unique', i.indisunique,
    'nullsNotDistinct', ${version >= 150000 ? 'i.indnullsnotdistinct' : 'false'},
    'keys', (select json_agg(json_build_object(
        'column', case when k.attnum <> 0 then (select a.attname from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = k.attnum) end,
        'expression', case when k.attnum = 0 then pg_catalog.pg_get_indexdef(i.indexrelid, k.n::int, false) end,
        'opclass', (select case when o.opcdefault then null else pg_catalog.quote_ident(on_.nspname) || '.' || pg_catalog.quote_ident(o.opcname) end
                    from pg_catalog.pg_opclass o join pg_catalog.pg_namespace on_ on on_.oid = o.opcnamespace where o.oid = i.indclass[k.n - 1]),
        'opclassOptions', (select pg_catalog.array_to_string(ia.attoptions, ', ') from pg_catalog.pg_attribute ia where ia.attrelid = i.indexrelid and ia.attnum = k.n),
        'collation', (select pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                      from pg_catalog.pg_collation co join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
                      where co.oid = i.indcollation[k.n - 1] and co.oid is distinct from
                        coalesce((select a.attcollation from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum <> 0), 100)),
        'descending', (i.indoption[k.n - 1] & 1) = 1, 'nullsFirst', (i.indoption[k.n - 1] & 2) = 2,
        'statisticsTarget', (select nullif(ia.attstattarget, -1) from pg_catalog.pg_attribute ia where ia.attrelid = i.indexrelid and ia.attnum = k.n)
      ) order by k.n)
      from pg_catalog.unnest(i.indkey::int2[]) with ordinality k(attnum, n) where k.n <= i.indnkeyatts),
    'include', coalesce((select json_agg(a.attname order by k.n)
      from pg_catalog.unnest(i.indkey::int2[]) with ordinality k(attnum, n)
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum where k.n > i.indnkeyatts), '[]'::json),
    'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
    'options', coalesce(pg_catalog.to_json(c.reloptions), '[]'::json),
    'tablespace', (select ts.spcname from pg_catalog.pg_tablespace ts where ts.oid = c.reltablespace),
    'clustered', i.indisclustered, 'replicaIdentity', i.indisreplident)`;
}

/** Names of the columns that an index names, expressions and predicate included. Locks: none. */
export const indexNamesSql = `(select coalesce(pg_catalog.json_agg(distinct a.attname), '[]'::json) from pg_catalog.pg_attribute a
  where a.attrelid = i.indrelid and a.attnum > 0 and (a.attnum = any (i.indkey::int2[]) or exists (
    select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum)))`;

/** `create index`, with columns renamed by `map`. Opclasses of integer types become those of uuid where a column is renamed. */
export function renderIndex(
  shape: IndexShape,
  target: { name: string; table: string; concurrently: boolean; unique?: boolean },
  map: ColumnMap,
): string {
  const keys = shape.keys.map((key) => renderKey(key, map)).join(', ');
  const unique = target.unique ?? shape.unique;
  return [
    `create ${unique ? 'unique ' : ''}index ${target.concurrently ? 'concurrently ' : ''}${quoteIdent(target.name)}`,
    ` on ${target.table} using ${quoteIdent(shape.method)} (${keys})`,
    shape.include.length
      ? ` include (${[...new Set(shape.include.map((c) => map(c) ?? c))].map(quoteIdent).join(', ')})`
      : '',
    shape.nullsNotDistinct ? ' nulls not distinct' : '',
    shape.options.length ? ` with (${shape.options.join(', ')})` : '',
    shape.tablespace ? ` tablespace ${quoteIdent(shape.tablespace)}` : '',
    shape.predicate ? ` where ${renameColumns(shape.predicate, map)}` : '',
  ].join('');
}

function renderKey(key: IndexKey, map: ColumnMap): string {
  const renamed = key.column === null ? undefined : map(key.column);
  const what =
    key.column !== null
      ? quoteIdent(renamed ?? key.column)
      : renameColumns(key.expression as string, map).replace(/^([\s\S]*)$/, wrapped);
  const opclass =
    renamed !== undefined && key.opclass ? key.opclass.replace(/\bint[248]_/, 'uuid_') : key.opclass;
  const options = key.opclassOptions ? ` (${key.opclassOptions})` : '';
  return [
    what,
    key.collation ? ` collate ${key.collation}` : '',
    opclass ? ` ${opclass}${options}` : '',
    key.descending ? ' desc' : '',
    key.nullsFirst !== key.descending ? (key.nullsFirst ? ' nulls first' : ' nulls last') : '',
  ].join('');
}

/** pg_get_indexdef leaves the parentheses away where the expression is a function call. */
function wrapped(expression: string): string {
  return `(${expression})`;
}

/** What the index is, as text that is the same before and after where column names are. */
export function describeIndex(shape: IndexShape, map: ColumnMap): string {
  return renderIndex(
    {
      ...shape,
      keys: shape.keys.map((k) => ({ ...k, opclass: k.opclass?.replace(/\bint[248]_/, 'uuid_') ?? null })),
    },
    { name: '-', table: '-', concurrently: false },
    map,
  );
}
