import { commentSql } from '../catalog/comment.js';
import { nothing, type ObjectKind, type Work } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';

/** What a column carries by itself: comment, privileges, statistics target. The shadow gets them; the original keeps its own. */
export interface ColumnAttributes extends CatalogObject {
  kind: 'column-attributes';
  table: TableId;
  column: string;
  comment: string | null;
  statisticsTarget: number | null;
  privileges: { grantee: string | null; privilege: string; grantable: boolean }[];
}

export const columnAttributes: ObjectKind<ColumnAttributes> = {
  kind: 'column-attributes',

  query: (_version, schemas) => `
    select pg_catalog.json_build_object('name', a.attname, 'schema', n.nspname, 'relation', t.relname, 'column', a.attname,
      'named', pg_catalog.json_build_array(a.attname), 'comment', ${commentSql('pg_class', 't.oid', 'a.attnum')},
      'statisticsTarget', nullif(a.attstattarget, -1),
      'privileges', coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object(
          'grantee', case when x.grantee = 0::oid then null else pg_catalog.pg_get_userbyid(x.grantee) end,
          'privilege', pg_catalog.lower(x.privilege_type), 'grantable', x.is_grantable))
        from pg_catalog.aclexplode(a.attacl) x), '[]'::json)) as object
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class t on t.oid = a.attrelid
    join ${schemas} n on n.oid = t.relnamespace
    where t.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
      and (a.attacl is not null or nullif(a.attstattarget, -1) is not null or ${commentSql('pg_class', 't.oid', 'a.attnum')} is not null)`,

  plan(object, view) {
    const { table } = object;
    const shadow = view.member(table, object.column)?.shadow;
    if (shadow === undefined) return { ...nothing, rank: 0 };
    const sql = view.sqlTable(table);
    const texts = object.privileges.map(
      (p) =>
        `grant ${p.privilege} (${quoteIdent(shadow)}) on ${sql} to ${p.grantee === null ? 'public' : quoteIdent(p.grantee)}${p.grantable ? ' with grant option' : ''}`,
    );
    if (object.comment !== null)
      texts.push(`comment on column ${sql}.${quoteIdent(shadow)} is ${quoteLiteral(object.comment)}`);
    if (object.statisticsTarget !== null)
      texts.push(
        `alter table ${sql} alter column ${quoteIdent(shadow)} set statistics ${object.statisticsTarget}`,
      );
    return {
      ...nothing,
      rank: 0,
      buildTwin: texts.map(
        (text): Work => ({ text, object: `attributes of ${table}.${shadow}`, locks: 'none', done: null }),
      ),
    };
  },

  original: () => null,

  definition: (object, view, moment) => {
    const column =
      moment === 'before'
        ? (view.member(object.table, object.column)?.after ?? object.column)
        : object.column;
    const privileges = object.privileges.map((p) => `${p.grantee}:${p.privilege}:${p.grantable}`).sort();
    return `attributes ${column} ${object.comment} ${object.statisticsTarget} ${privileges.join(' ')}`;
  },
};
