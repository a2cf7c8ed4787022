import { commentSql } from '../catalog/comment.js';
import type { ObjectKind, View } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import { constraintPlan } from './constraint-work.js';
import type { ColumnMap } from './index-shape.js';
import { after, shadow } from './plain-index.js';
import { swapTable } from './work.js';

/** Foreign keys, composite ones too. The one on integers goes at the cutover and comes back NOT VALID, then validated. */
export interface ForeignKey extends CatalogObject {
  kind: 'foreign-key';
  table: TableId;
  columns: string[];
  refTable: TableId;
  refColumns: string[];
  match: 'simple' | 'full';
  onUpdate: string;
  onDelete: string;
  /** ON DELETE SET NULL (columns) of 15 */
  setColumns: string[];
  deferrable: boolean;
  deferred: boolean;
  validated: boolean;
  enforced: boolean;
  period: boolean;
  /**
   * From 1, among the foreign keys that refer to the same table: the order in which their actions fire. A delete that one
   * refuses and another cascades ends as the first of them says, so that twins are made in this order.
   */
  order: number;
  comment: string | null;
}

const action = (column: string) =>
  `case ${column} when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end`;
const names = (table: string, key: string) => `(select pg_catalog.json_agg(a.attname order by x.n)
  from pg_catalog.unnest(${key}) with ordinality x(attnum, n) join pg_catalog.pg_attribute a on a.attrelid = ${table} and a.attnum = x.attnum)`;

export const foreignKey: ObjectKind<ForeignKey> = {
  kind: 'foreign-key',

  query: (version) => `
    select pg_catalog.json_build_object('name', k.conname, 'schema', n.nspname, 'relation', t.relname,
      'columns', ${names('k.conrelid', 'k.conkey')},
      'refSchema', rn.nspname, 'refRelation', r.relname, 'refColumns', ${names('k.confrelid', 'k.confkey')},
      'match', case k.confmatchtype when 'f' then 'full' else 'simple' end,
      'onUpdate', ${action('k.confupdtype')}, 'onDelete', ${action('k.confdeltype')},
      'setColumns', ${version >= 150000 ? `coalesce(${names('k.conrelid', 'k.confdelsetcols')}, '[]'::json)` : `'[]'::json`},
      'deferrable', k.condeferrable, 'deferred', k.condeferred, 'validated', k.convalidated,
      'enforced', ${version >= 180000 ? 'k.conenforced' : 'true'}, 'period', ${version >= 180000 ? 'k.conperiod' : 'false'},
      'order', pg_catalog.row_number() over (partition by k.confrelid order by
        (select pg_catalog.min(g.tgname::text collate "C") from pg_catalog.pg_trigger g where g.tgconstraint = k.oid and g.tgrelid = k.confrelid), k.oid),
      'comment', ${commentSql('pg_constraint', 'k.oid')}) as object
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class t on t.oid = k.conrelid
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace
    join pg_catalog.pg_class r on r.oid = k.confrelid
    join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
    where k.contype = 'f' and k.conparentid = 0::oid`,

  plan(key, view) {
    const { table, name, refTable } = key;
    if (!key.enforced || key.period) {
      return {
        hazard: 'not-carried-over-yet',
        rank: 'stop',
        on: `${table}.${name}`,
        message: `foreign key ${name} on ${table} is ${key.period ? 'PERIOD' : 'NOT ENFORCED'}, which is not carried over yet`,
        remedy: 'leave its tables out of the plan',
      };
    }
    const same: ColumnMap = () => undefined;
    const plan = constraintPlan(view, {
      ...key,
      rank: 40,
      dropSlot: 'dropForeignKeys',
      mode: 'share row exclusive',
      tables: [...new Set([table, refTable])],
      body: {
        // a client that defers the original by its name knows nothing of the twin; what may not wait the original refuses
        twin: body({ ...key, deferred: key.deferrable }, view, shadow(view, table), shadow(view, refTable)),
        original: body(key, view, same, same),
      },
    });
    if (!key.deferrable || key.deferred) return plan;
    const atOnce = `alter constraint ${quoteIdent(name)} deferrable initially immediate`;
    return {
      ...plan,
      swap: [...plan.swap, swapTable(view, 'settings', table, atOnce, `constraint ${name} on ${table}`)],
    };
  },

  original: (key, view) =>
    `alter table ${view.sqlTable(key.table)} add constraint ${quoteIdent(key.name)} ${body(
      key,
      view,
      () => undefined,
      () => undefined,
    )}${key.validated ? '' : ' not valid'}`,

  definition: (key, view, moment) =>
    moment === 'before'
      ? `${body(key, view, after(view, key.table), after(view, key.refTable))} ${key.validated}`
      : `${body(
          key,
          view,
          () => undefined,
          () => undefined,
        )} ${key.validated}`,
};

/** The constraint's text after its name; also for the second foreign key that a surrogate brings. */
export function body(key: ForeignKey, view: View, child: ColumnMap, parent: ColumnMap): string {
  const list = (columns: string[], map: ColumnMap) => columns.map((c) => quoteIdent(map(c) ?? c)).join(', ');
  return [
    `foreign key (${list(key.columns, child)}) references ${view.sqlTable(key.refTable)} (${list(key.refColumns, parent)})`,
    key.match === 'full' ? ' match full' : '',
    key.onUpdate === 'no action' ? '' : ` on update ${key.onUpdate}`,
    key.onDelete === 'no action' ? '' : ` on delete ${key.onDelete}`,
    key.setColumns.length ? ` (${list(key.setColumns, child)})` : '',
    key.deferrable ? ` deferrable initially ${key.deferred ? 'deferred' : 'immediate'}` : '',
  ].join('');
}
