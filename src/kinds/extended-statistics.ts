import { commentSql } from '../catalog/comment.js';
import { nothing, type ObjectKind, type View, type Work } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import { renameColumns } from '../catalog/rewrite.js';
import type { TableId } from '../plan/model.js';
import type { ColumnMap } from './index-shape.js';
import { after, shadow } from './plain-index.js';

/** Extended statistics (`create statistics`): the twin is analyzed with the table before the cutover. */
export interface ExtendedStatistics extends CatalogObject {
  kind: 'statistics';
  table: TableId;
  statisticsSchema: string;
  kinds: string[];
  columns: string[];
  expressions: string[];
  target: number | null;
  comment: string | null;
}

export const extendedStatistics: ObjectKind<ExtendedStatistics> = {
  kind: 'statistics',

  query: (_version, schemas) => `
    select pg_catalog.json_build_object('name', s.stxname, 'schema', n.nspname, 'relation', t.relname, 'statisticsSchema', sn.nspname,
      'named', (select coalesce(pg_catalog.json_agg(distinct a.attname), '[]'::json) from pg_catalog.pg_attribute a
        where a.attrelid = t.oid and a.attnum > 0 and (a.attnum = any (s.stxkeys::int2[]) or exists (
          select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_statistic_ext'::regclass and d.objid = s.oid
            and d.refobjid = t.oid and d.refobjsubid = a.attnum))),
      'columns', (select coalesce(pg_catalog.json_agg(a.attname order by x.n), '[]'::json) from pg_catalog.unnest(s.stxkeys::int2[]) with ordinality x(attnum, n)
        join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = x.attnum),
      'expressions', coalesce(pg_catalog.to_json(pg_catalog.pg_get_statisticsobjdef_expressions(s.oid)), '[]'::json),
      'kinds', (select coalesce(pg_catalog.json_agg(case k when 'd' then 'ndistinct' when 'f' then 'dependencies' else 'mcv' end), '[]'::json)
        from pg_catalog.unnest(s.stxkind) k where k <> 'e'),
      'target', nullif(s.stxstattarget, -1), 'comment', ${commentSql('pg_statistic_ext', 's.oid')}) as object
    from pg_catalog.pg_statistic_ext s
    join pg_catalog.pg_namespace sn on sn.oid = s.stxnamespace
    join pg_catalog.pg_class t on t.oid = s.stxrelid
    join ${schemas} n on n.oid = t.relnamespace`,

  plan(object, view) {
    const twin = view.twinName(object.name, object.statisticsSchema);
    const legacy = view.legacyName(object.name, object.statisticsSchema);
    const schema = object.statisticsSchema;
    const qualified = (name: string) => `${quoteIdent(schema)}.${quoteIdent(name)}`;
    const rename = (from: string, to: string) => ({
      slot: 'rename' as const,
      text: `alter statistics ${qualified(from)} rename to ${quoteIdent(to)}`,
      object: `statistics ${from}`,
    });
    const work = (text: string, name: string, present: boolean | null): Work => ({
      text,
      object: `statistics ${name}`,
      locks: 'none',
      done: present === null ? null : { see: 'statistics', schema, name, present },
    });
    return {
      ...nothing,
      rank: 30,
      buildTwin: [
        work(render(object, view, qualified(twin), shadow(view, object.table)), twin, true),
        ...(object.target === null
          ? []
          : [work(`alter statistics ${qualified(twin)} set statistics ${object.target}`, twin, null)]),
        ...(object.comment === null
          ? []
          : [
              work(`comment on statistics ${qualified(twin)} is ${quoteLiteral(object.comment)}`, twin, null),
            ]),
      ],
      dropTwin: [work(`drop statistics if exists ${qualified(twin)}`, twin, false)],
      swap: [rename(object.name, legacy), rename(twin, object.name)],
      swapBack: [rename(object.name, twin), rename(legacy, object.name)],
      dropLegacy: [work(`drop statistics if exists ${qualified(legacy)}`, legacy, false)],
      made: [twin, legacy],
    };
  },

  original: (object, view) =>
    render(
      object,
      view,
      `${quoteIdent(view.schemaOf(object.table as TableId))}.${quoteIdent(object.name)}`,
      () => undefined,
    ),

  definition: (object, view, moment) => {
    const map = moment === 'before' ? after(view, object.table) : () => undefined;
    // PostgreSQL keeps columns by number: their order says nothing and is another one on shadows
    const columns = object.columns.map((c) => map(c) ?? c).sort();
    return render({ ...object, columns }, view, '-', map);
  },
};

function render(object: ExtendedStatistics, view: View, name: string, map: ColumnMap): string {
  const kinds =
    object.kinds.length && object.columns.length + object.expressions.length > 1
      ? ` (${object.kinds.join(', ')})`
      : '';
  const columns = [
    ...object.columns.map((c) => quoteIdent(map(c) ?? c)),
    ...object.expressions.map((e) => `(${renameColumns(e, map)})`),
  ];
  return `create statistics ${name}${kinds} on ${columns.join(', ')} from ${view.sqlTable(object.table)}`;
}
