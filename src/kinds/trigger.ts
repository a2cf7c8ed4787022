import { namedColumns, refusedKind } from './refused.js';

/**
 * Triggers whose column list or WHEN names a column. Others stay as they are: they are bound to the table, not to columns.
 * Rekey's own are no part of the application's catalog.
 */
export const trigger = refusedKind(
  'trigger',
  (_version, schemas) => `
    select pg_catalog.json_build_object('name', g.tgname, 'schema', n.nspname, 'relation', t.relname,
      'called', 'trigger ' || g.tgname || ' on ' || g.tgrelid::regclass::text,
      'named', (select pg_catalog.json_agg(distinct x.value) from (
        select pg_catalog.json_array_elements_text(${namedColumns('pg_trigger', 'g.oid').replace('or d.refobjsubid = 0', '')}) as value
        union select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = t.oid and a.attnum = any (g.tgattr::int2[])) x)) as object
    from pg_catalog.pg_trigger g
    join pg_catalog.pg_class t on t.oid = g.tgrelid and t.relkind in ('r', 'p')
    join ${schemas} n on n.oid = t.relnamespace
    where not g.tgisinternal and not exists (select from pg_catalog.pg_proc f join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace
        where f.oid = g.tgfoid and fn.nspname = 'rekey')
      and (g.tgqual is not null or pg_catalog.array_length(g.tgattr::int2[], 1) > 0)`,
);
