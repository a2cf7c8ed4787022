import { namedColumns, refusedKind } from './refused.js';

/** Functions with an SQL-standard body, or that take or give rows of the table: the parser bound them to columns by number. */
export const functionKind = refusedKind(
  'function',
  (_version, schemas) => `
    select pg_catalog.json_build_object('name', p.proname, 'schema', n.nspname, 'relation', t.relname,
      'called', 'function ' || p.oid::regprocedure::text, 'named', case when exists (
          select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_catalog.pg_type'::regclass and d.refobjid in (t.reltype, (select y.typarray from pg_catalog.pg_type y where y.oid = t.reltype)))
        then (select pg_catalog.json_agg(a.attname) from pg_catalog.pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped)
        else ${namedColumns('pg_proc', 'p.oid')} end) as object
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace and pn.nspname not in ('pg_catalog', 'information_schema', 'rekey')
    join pg_catalog.pg_class t on t.relkind in ('r', 'p') and exists (
      select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid
        and (d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid
          or d.refclassid = 'pg_catalog.pg_type'::regclass and d.refobjid in (t.reltype, (select y.typarray from pg_catalog.pg_type y where y.oid = t.reltype))))
    join ${schemas} n on n.oid = t.relnamespace`,
);
