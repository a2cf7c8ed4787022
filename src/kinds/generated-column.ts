import { refusedKind } from './refused.js';

/**
 * Generated columns, stored or virtual, whose expression names a column; and members that are generated themselves.
 * From 15 on it is the expression that depends on the columns, before that the generated column itself.
 */
export const generatedColumn = refusedKind('generated column', (version, schemas) => {
  const dependent =
    version >= 150000
      ? `d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = d0.oid`
      : `d.classid = 'pg_catalog.pg_class'::regclass and d.objid = t.oid and d.objsubid = a0.attnum`;
  return `
    select pg_catalog.json_build_object('name', a0.attname, 'schema', n.nspname, 'relation', t.relname,
      'called', 'generated column ' || t.oid::regclass::text || '.' || a0.attname,
      'named', (select pg_catalog.json_agg(distinct a.attname) from pg_catalog.pg_attribute a
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and (a.attnum = a0.attnum or exists (
          select from pg_catalog.pg_depend d where ${dependent} and d.deptype in ('n', 'a')
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid and d.refobjsubid in (0, a.attnum))))) as object
    from pg_catalog.pg_attrdef d0
    join pg_catalog.pg_class t on t.oid = d0.adrelid and t.relkind in ('r', 'p')
    join pg_catalog.pg_attribute a0 on a0.attrelid = t.oid and a0.attnum = d0.adnum and a0.attgenerated <> ''
    join ${schemas} n on n.oid = t.relnamespace`;
});
