import { namedColumns, refusedKind } from './refused.js';

/** Generated columns, stored or virtual, whose expression names a column; and members that are generated themselves. */
export const generatedColumn = refusedKind(
  'generated column',
  () => `
    select pg_catalog.json_build_object('name', a0.attname, 'schema', n.nspname, 'relation', t.relname,
      'called', 'generated column ' || t.oid::regclass::text || '.' || a0.attname,
      'named', ${namedColumns('pg_attrdef', 'd0.oid')}) as object
    from pg_catalog.pg_attrdef d0
    join pg_catalog.pg_class t on t.oid = d0.adrelid and t.relkind in ('r', 'p')
    join pg_catalog.pg_attribute a0 on a0.attrelid = t.oid and a0.attnum = d0.adnum and a0.attgenerated <> ''
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace`,
);
