import { commentSql } from '../catalog/comment.js';
import type { ObjectKind } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent } from '../catalog/quote.js';
import { renameColumns } from '../catalog/rewrite.js';
import type { TableId } from '../plan/model.js';
import { constraintPlan } from './constraint-work.js';
import type { ColumnMap } from './index-shape.js';
import { after, shadow } from './plain-index.js';

/** Check constraints. The one on integers goes at the cutover: it would refuse rows whose legacy reference is a hole. */
export interface Check extends CatalogObject {
  kind: 'check';
  table: TableId;
  expression: string;
  validated: boolean;
  noInherit: boolean;
  enforced: boolean;
  comment: string | null;
}

export const check: ObjectKind<Check> = {
  kind: 'check',

  query: (version, schemas) => `
    select pg_catalog.json_build_object('name', k.conname, 'schema', n.nspname, 'relation', t.relname,
      'named', (select coalesce(pg_catalog.json_agg(a.attname), '[]'::json) from pg_catalog.pg_attribute a where a.attrelid = t.oid and a.attnum = any (k.conkey)),
      'expression', pg_catalog.pg_get_expr(k.conbin, k.conrelid), 'validated', k.convalidated, 'noInherit', k.connoinherit,
      'enforced', ${version >= 180000 ? 'k.conenforced' : 'true'},
      'comment', ${commentSql('pg_constraint', 'k.oid')}) as object
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class t on t.oid = k.conrelid
    join ${schemas} n on n.oid = t.relnamespace
    where k.contype = 'c' and t.relkind in ('r', 'p')`,

  plan(object, view) {
    const { table, name } = object;
    if (!object.enforced) {
      return {
        hazard: 'not-carried-over-yet',
        rank: 'stop',
        on: `${table}.${name}`,
        message: `check ${name} on ${table} is NOT ENFORCED, which is not carried over yet`,
        remedy: 'drop the constraint, or leave the table out of the plan',
      };
    }
    const body = (map: ColumnMap) =>
      `check (${renameColumns(object.expression, map)})${object.noInherit ? ' no inherit' : ''}`;
    return constraintPlan(view, {
      ...object,
      rank: 20,
      dropSlot: 'dropConstraints',
      mode: 'access exclusive',
      tables: [table],
      body: { twin: body(shadow(view, table)), original: body(() => undefined) },
    });
  },

  original: (object, view) =>
    `alter table ${view.sqlTable(object.table)} add constraint ${quoteIdent(object.name)} check (${object.expression})${object.noInherit ? ' no inherit' : ''}${object.validated ? '' : ' not valid'}`,

  definition: (object, view, moment) =>
    `${renameColumns(object.expression, moment === 'before' ? quotedAfter(after(view, object.table)) : (c) => c)} ${object.validated}`,
};

/** Every column is quoted on both sides, so that the texts can be compared. */
const quotedAfter =
  (map: ColumnMap): ColumnMap =>
  (c) =>
    map(c) ?? c;
