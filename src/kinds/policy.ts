import { namedColumns, refusedKind } from './refused.js';

/** Row-security policies whose expressions name a column, of their own table or of another. */
export const policy = refusedKind(
  'policy',
  (_version, schemas) => `
    select pg_catalog.json_build_object('name', p.polname, 'schema', n.nspname, 'relation', t.relname,
      'called', 'policy ' || p.polname || ' on ' || p.polrelid::regclass::text, 'named', ${namedColumns('pg_policy', 'p.oid').replace('or d.refobjsubid = 0', 'or (d.refobjsubid = 0 and t.oid <> p.polrelid)')}) as object
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class t on t.relkind in ('r', 'p') and exists (
      select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid)
    join ${schemas} n on n.oid = t.relnamespace`,
);
