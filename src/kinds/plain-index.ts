import { commentSql } from '../catalog/comment.js';
import {
  nothing,
  type ObjectKind,
  type ObjectPlan,
  type SwapStatement,
  type View,
  type Work,
} from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import {
  type ColumnMap,
  describeIndex,
  type IndexShape,
  indexNamesSql,
  indexShapeSql,
  renderIndex,
} from './index-shape.js';
import { createIndexWork, dropIndexWork, renameIndex, swapTable } from './work.js';

/** Indexes that stand behind no constraint. The original is set aside as `legacy_<name>` and serves the way back. */
export interface PlainIndex extends CatalogObject {
  kind: 'index';
  table: TableId;
  shape: IndexShape;
  comment: string | null;
  valid: boolean;
}

export const plainIndex: ObjectKind<PlainIndex> = {
  kind: 'index',

  query: (version, schemas) => `
    select pg_catalog.json_build_object('name', c.relname, 'schema', n.nspname, 'relation', t.relname,
      'named', ${indexNamesSql}, 'shape', ${indexShapeSql(version)},
      'comment', ${commentSql('pg_class', 'c.oid')}, 'valid', i.indisvalid) as object
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_class t on t.oid = i.indrelid
    join ${schemas} n on n.oid = t.relnamespace
    join pg_catalog.pg_am am on am.oid = c.relam
    where t.relkind in ('r', 'p') and not exists (
      select from pg_catalog.pg_constraint k where k.conindid = c.oid and k.conrelid = t.oid and k.contype in ('p', 'u', 'x'))`,

  plan(index, view) {
    const { shape, table, name } = index;
    if (!index.valid) {
      return {
        hazard: 'index-invalid',
        rank: 'stop',
        on: name,
        message: `index ${name} on ${table} is not valid: a build of it was interrupted`,
        remedy: `drop index concurrently ${quoteIdent(name)}, or build it again`,
      };
    }
    const schema = view.schemaOf(table);
    const twin = view.twinName(name, schema);
    const legacy = view.legacyName(name, schema);
    const duplicate = view.isDuplicate(index.id);
    const goes = shape.unique && overReference(index, view);
    const dropped = {
      slot: 'dropConstraints' as const,
      text: `drop index ${quoteIdent(schema)}.${quoteIdent(name)}`,
      object: `index ${name}`,
    };
    const render = (to: string, map: ColumnMap) =>
      renderIndex(shape, { name: to, table: view.sqlTable(table), concurrently: true }, map);
    const plan: ObjectPlan = {
      ...nothing,
      rank: 10,
      buildTwin: duplicate
        ? []
        : [
            createIndexWork(view, table, twin, render(twin, shadow(view, table))),
            ...finish(view, index, twin),
          ],
      dropTwin: duplicate ? [] : [dropIndexWork(view, table, twin)],
      swap: [
        goes ? dropped : renameIndex(view, table, name, legacy),
        ...(duplicate ? [] : [renameIndex(view, table, twin, name)]),
        ...settings(view, index),
      ],
      beforeSwapBack: goes
        ? [createIndexWork(view, table, legacy, render(legacy, legacyMap(view, table)))]
        : [],
      swapBack: [
        ...(goes && shape.replicaIdentity ? [identityMeanwhile(view, table)] : []),
        ...(duplicate ? [] : [renameIndex(view, table, name, twin)]),
        renameIndex(view, table, legacy, name),
        ...(goes ? [] : settings(view, index)),
      ],
      afterSwapBack: goes ? [...finish(view, index, name), ...lateSettings(view, index)] : [],
      dropLegacy: goes ? [] : [dropIndexWork(view, table, legacy)],
      made: [twin, legacy],
    };
    return plan;
  },

  original: (index, view) =>
    renderIndex(
      index.shape,
      { name: index.name, table: view.sqlTable(index.table), concurrently: false },
      () => undefined,
    ),

  definition(index, view, moment) {
    if (view.isDuplicate(index.id)) return null;
    return describeIndex(index.shape, moment === 'before' ? after(view, index.table) : () => undefined);
  },
};

/** A unique index over a reference would refuse good writes once references have holes, and breaks upserts beside its twin. */
export function overReference(
  object: { table: TableId; names: { table: TableId; column: string }[] },
  view: View,
): boolean {
  return object.names.some((c) => c.table === object.table && view.member(c.table, c.column)?.isReference);
}

export const shadow =
  (view: View, table: TableId): ColumnMap =>
  (c) =>
    view.member(table, c)?.shadow;
export const legacyMap =
  (view: View, table: TableId): ColumnMap =>
  (c) =>
    view.member(table, c)?.legacy ?? undefined;
export const after =
  (view: View, table: TableId): ColumnMap =>
  (c) =>
    view.member(table, c)?.after;

/** Comment and statistics targets, which `create index` can't say. */
function finish(view: View, index: PlainIndex, name: string) {
  const qualified = `${quoteIdent(view.schemaOf(index.table))}.${quoteIdent(name)}`;
  const statements = index.shape.keys.flatMap((key, at) =>
    key.statisticsTarget === null
      ? []
      : [`alter index ${qualified} alter column ${at + 1} set statistics ${key.statisticsTarget}`],
  );
  if (index.comment !== null)
    statements.push(`comment on index ${qualified} is ${quoteLiteral(index.comment)}`);
  return statements.map((text) => ({ text, object: `index ${name}`, locks: 'none' as const, done: null }));
}

export function settings(view: View, index: { table: TableId; name: string; shape: IndexShape }) {
  const statements = [];
  const object = `index ${index.name}`;
  if (index.shape.replicaIdentity)
    statements.push(
      swapTable(
        view,
        'settings',
        index.table,
        `replica identity using index ${quoteIdent(index.name)}`,
        object,
      ),
    );
  if (index.shape.clustered)
    statements.push(swapTable(view, 'settings', index.table, `cluster on ${quoteIdent(index.name)}`, object));
  return statements;
}

/**
 * Until the index that says which row is which is back, a published table would refuse every update and delete (55000): the
 * whole row says it.
 */
export function identityMeanwhile(view: View, table: TableId): SwapStatement {
  return swapTable(view, 'dropConstraints', table, 'replica identity full', `replica identity of ${table}`);
}

/** A replica identity needs NOT NULL, which references get back after the swap back only. */
export function lateSettings(view: View, index: { table: TableId; name: string; shape: IndexShape }): Work[] {
  return settings(view, index).map(({ text, object }) => ({
    text,
    object,
    locks: { mode: 'access exclusive', tables: [index.table] },
    done: null,
  }));
}
