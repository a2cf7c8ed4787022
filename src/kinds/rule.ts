import { namedColumns, refusedKind } from './refused.js';

/** Rules on tables (`create rule`). */
export const rule = refusedKind(
  'rule',
  (_version, schemas) => `
    select pg_catalog.json_build_object('name', r.rulename, 'schema', n.nspname, 'relation', t.relname,
      'called', 'rule ' || r.rulename || ' on ' || r.ev_class::regclass::text, 'named', ${namedColumns('pg_rewrite', 'r.oid')}) as object
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class e on e.oid = r.ev_class and e.relkind in ('r', 'p')
    join pg_catalog.pg_class t on t.relkind in ('r', 'p') and exists (
      select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid)
    join ${schemas} n on n.oid = t.relnamespace`,
);
