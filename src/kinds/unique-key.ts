import { commentSql } from '../catalog/comment.js';
import { nothing, type ObjectKind, type ObjectPlan, type View, type Work } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import { describeIndex, type IndexShape, indexNamesSql, indexShapeSql, renderIndex } from './index-shape.js';
import {
  after,
  identityMeanwhile,
  lateSettings,
  legacyMap,
  overReference,
  settings,
  shadow,
} from './plain-index.js';
import { createIndexWork, dropIndexWork, place, swapTable } from './work.js';

/**
 * Primary keys and unique constraints: one kind, as a primary key is nothing special. The old index goes with its
 * constraint, so that over a key that is no reference a plain unique index on the integers is built beforehand;
 * over references it would refuse good writes after the cutover and is built again as first step of a swap back.
 */
export interface UniqueKey extends CatalogObject {
  kind: 'unique-key';
  table: TableId;
  primary: boolean;
  deferrable: boolean;
  deferred: boolean;
  columns: string[];
  shape: IndexShape;
  comment: string | null;
  indexComment: string | null;
  period: boolean;
  /** of its table: d, n, f or i as in pg_class; not in catalogs that were stored before it was read */
  replicaIdentity?: string;
}

export const uniqueKey: ObjectKind<UniqueKey> = {
  kind: 'unique-key',

  query: (version, schemas) => `
    select pg_catalog.json_build_object('name', k.conname, 'schema', n.nspname, 'relation', t.relname,
      'named', ${indexNamesSql},
      'columns', (select pg_catalog.json_agg(a.attname order by x.n) from pg_catalog.unnest(k.conkey) with ordinality x(attnum, n)
        join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = x.attnum),
      'primary', k.contype = 'p', 'deferrable', k.condeferrable, 'deferred', k.condeferred,
      'shape', ${indexShapeSql(version)}, 'comment', ${commentSql('pg_constraint', 'k.oid')},
      'indexComment', ${commentSql('pg_class', 'c.oid')},
      'period', ${version >= 180000 ? 'k.conperiod' : 'false'}, 'replicaIdentity', t.relreplident) as object
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conindid
    join pg_catalog.pg_index i on i.indexrelid = c.oid
    join pg_catalog.pg_class t on t.oid = k.conrelid
    join ${schemas} n on n.oid = t.relnamespace
    join pg_catalog.pg_am am on am.oid = c.relam
    where k.contype in ('p', 'u') and t.relkind in ('r', 'p')`,

  plan(key, view) {
    const { table, name, shape } = key;
    if (key.period) {
      return {
        hazard: 'not-carried-over-yet',
        rank: 'stop',
        on: `${table}.${name}`,
        message: `constraint ${name} on ${table} is WITHOUT OVERLAPS, which is not carried over yet`,
        remedy: 'leave the table out of the plan',
      };
    }
    const schema = view.schemaOf(table);
    const twin = view.twinName(name, schema);
    const legacy = view.legacyName(name, schema);
    const duplicate = view.isDuplicate(key.id);
    const overReferences = overReference(key, view);
    const surrogate = key.primary ? view.surrogateUnique(table) : undefined;
    const nameAfter = surrogate ?? name;
    const sql = view.sqlTable(table);
    const swapDrop = (what: string) =>
      swapTable(
        view,
        'dropConstraints',
        table,
        `drop constraint ${quoteIdent(what)}`,
        `constraint ${what} on ${table}`,
      );
    const attach = (as: string, from: string, primary: boolean) =>
      `alter table ${sql} add constraint ${quoteIdent(as)} ${primary ? 'primary key' : 'unique'} using index ${quoteIdent(from)}${timing(key)}`;
    const setAside: Work[] = overReferences
      ? []
      : [
          createIndexWork(
            view,
            table,
            legacy,
            renderIndex(
              { ...shape, unique: true },
              { name: legacy, table: sql, concurrently: true },
              () => undefined,
            ),
          ),
        ];
    const attachLate = key.primary && overReferences;
    const defaultLate = attachLate && key.replicaIdentity === 'd';

    const attachLater: Work[] = !attachLate
      ? []
      : [
          {
            text: `${attach(name, legacy, true)}${defaultLate ? ', replica identity default' : ''}`,
            object: `constraint ${name} on ${table}`,
            locks: { mode: 'access exclusive', tables: [table] },
            done: { see: 'constraint', ...place(view, table), name, present: true },
          },
          ...comments(view, key, name).map(
            ({ text, object }): Work => ({ text, object, locks: 'none', done: null }),
          ),
        ];

    const plan: ObjectPlan = {
      ...nothing,
      rank: 10,
      buildTwin: duplicate
        ? setAside
        : [
            createIndexWork(
              view,
              table,
              twin,
              renderIndex(shape, { name: twin, table: sql, concurrently: true }, shadow(view, table)),
            ),
            ...setAside,
          ],
      dropTwin: [
        ...(duplicate ? [] : [dropIndexWork(view, table, twin)]),
        ...(overReferences ? [] : [dropIndexWork(view, table, legacy)]),
      ],
      swap: [
        swapDrop(name),
        ...(duplicate
          ? []
          : [
              {
                slot: 'attach' as const,
                text: attach(nameAfter, twin, key.primary && surrogate === undefined),
                object: `constraint ${nameAfter} on ${table}`,
              },
              ...comments(view, key, nameAfter),
              ...settings(view, { ...key, name: nameAfter }),
            ]),
      ],
      beforeSwapBack: overReferences
        ? [
            createIndexWork(
              view,
              table,
              legacy,
              renderIndex(
                { ...shape, unique: true },
                { name: legacy, table: sql, concurrently: true },
                legacyMap(view, table),
              ),
            ),
          ]
        : [],
      swapBack: [
        ...(defaultLate || (overReferences && shape.replicaIdentity) ? [identityMeanwhile(view, table)] : []),
        ...(duplicate ? [] : [swapDrop(nameAfter)]),
        ...(attachLate
          ? []
          : [
              {
                slot: 'attach' as const,
                text: attach(name, legacy, key.primary),
                object: `constraint ${name} on ${table}`,
              },
              ...comments(view, key, name),
              ...(overReferences ? [] : settings(view, key)),
            ]),
      ],
      afterSwapBack: [...attachLater, ...(overReferences ? lateSettings(view, key) : [])],
      dropLegacy: overReferences ? [] : [dropIndexWork(view, table, legacy)],
      made: [twin, legacy],
    };
    return plan;
  },

  original: (key, view) => {
    const index = renderIndex(
      { ...key.shape, unique: true },
      { name: key.name, table: view.sqlTable(key.table), concurrently: false },
      () => undefined,
    );
    return `${index}; alter table ${view.sqlTable(key.table)} add constraint ${quoteIdent(key.name)} ${key.primary ? 'primary key' : 'unique'} using index ${quoteIdent(key.name)}${timing(key)}`;
  },

  definition(key, view, moment) {
    if (view.isDuplicate(key.id)) return null;
    const surrogate = key.primary ? view.surrogateUnique(key.table) : undefined;
    const primary = key.primary && (moment === 'after' || surrogate === undefined);
    return `${primary ? 'primary key' : 'unique'}${timing(key)} ${describeIndex(key.shape, moment === 'before' ? after(view, key.table) : () => undefined)}`;
  },
};

function timing(key: UniqueKey): string {
  return key.deferrable ? ` deferrable initially ${key.deferred ? 'deferred' : 'immediate'}` : '';
}

function comments(view: View, key: UniqueKey, name: string) {
  const statements = [];
  const object = `constraint ${name} on ${key.table}`;
  if (key.comment !== null)
    statements.push(
      `comment on constraint ${quoteIdent(name)} on ${view.sqlTable(key.table)} is ${quoteLiteral(key.comment)}`,
    );
  if (key.indexComment !== null)
    statements.push(
      `comment on index ${quoteIdent(view.schemaOf(key.table))}.${quoteIdent(name)} is ${quoteLiteral(key.indexComment)}`,
    );
  return statements.map((text) => ({ slot: 'settings' as const, text, object }));
}
