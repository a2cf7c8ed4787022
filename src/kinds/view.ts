import { namedColumns, refusedKind } from './refused.js';

/** Views and materialized views that read a table; one row for each table that a view reads. */
export const view = refusedKind(
  'view',
  (_version, schemas) => `
    select pg_catalog.json_build_object('name', v.relname, 'schema', n.nspname, 'relation', t.relname,
      'called', case v.relkind when 'm' then 'materialized view ' else 'view ' end || v.oid::regclass::text,
      'named', ${namedColumns('pg_rewrite', 'r.oid')}) as object
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
    join pg_catalog.pg_class t on t.relkind in ('r', 'p') and exists (
      select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid)
    join ${schemas} n on n.oid = t.relnamespace`,
);
