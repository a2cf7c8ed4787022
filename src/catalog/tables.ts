import { commentSql } from './comment.js';

/** The query for tables with their columns, one JSON value a table. */
export function tablesSql(version: number, schemas: string): string {
  return `
    select pg_catalog.json_build_object(
      'schema', n.nspname, 'name', t.relname, 'oid', t.oid::int8,
      'kind', case t.relkind when 'r' then 'table' when 'p' then 'partitioned' else 'foreign' end,
      'isPartition', t.relispartition,
      'inherits', exists (select from pg_catalog.pg_inherits h where h.inhrelid = t.oid or h.inhparent = t.oid),
      'persistence', case t.relpersistence when 'p' then 'permanent' when 'u' then 'unlogged' else 'temporary' end,
      'owner', pg_catalog.pg_get_userbyid(t.relowner),
      'rowSecurity', t.relrowsecurity, 'forceRowSecurity', t.relforcerowsecurity,
      'estimatedRows', t.reltuples::int8, 'pages', t.relpages,
      'bytes', case when t.relkind = 'r' then pg_catalog.pg_total_relation_size(t.oid) else 0 end,
      'grantees', coalesce((select pg_catalog.json_agg(distinct g.name) from (
          select case when x.grantee = 0::oid then 'public' else pg_catalog.pg_get_userbyid(x.grantee)::text end as name
            from pg_catalog.aclexplode(t.relacl) x where x.grantee <> t.relowner
          union
          select case when x.grantee = 0::oid then 'public' else pg_catalog.pg_get_userbyid(x.grantee)::text end
            from pg_catalog.pg_attribute ca, pg_catalog.aclexplode(ca.attacl) x
            where ca.attrelid = t.oid and ca.attacl is not null and x.grantee <> t.relowner) g), '[]'::json),
      'columns', (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'num', a.attnum, 'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'notNull', a.attnotnull,
          'default', case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
          'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
          'generated', case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
          'sequence', s.sequence, 'statisticsTarget', nullif(a.attstattarget, -1),
          'comment', ${commentSql('pg_class', 't.oid', 'a.attnum')},
          'privileges', '[]'::json) order by a.attnum), '[]'::json)
        from pg_catalog.pg_attribute a
        left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        left join lateral (
          select pg_catalog.json_build_object('schema', sn.nspname, 'name', sc.relname, 'type', q.seqtypid::regtype::text,
            'max', q.seqmax::text, 'increment', q.seqincrement, 'last', null::text) as sequence
          from pg_catalog.pg_depend p
          join pg_catalog.pg_class sc on sc.oid = p.objid and sc.relkind = 'S'
          join pg_catalog.pg_namespace sn on sn.oid = sc.relnamespace
          join pg_catalog.pg_sequence q on q.seqrelid = sc.oid
          where p.classid = 'pg_catalog.pg_class'::regclass and p.refclassid = 'pg_catalog.pg_class'::regclass
            and p.refobjid = t.oid and p.refobjsubid = a.attnum and p.deptype in ('a', 'i')
          limit 1) s on true
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped)
    ) as "table"
    from pg_catalog.pg_class t
    join ${schemas} n on n.oid = t.relnamespace
    where t.relkind in ('r', 'p', 'f')
      and ${version} > 0`;
}
