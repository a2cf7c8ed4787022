import { indexNamesSql } from './index-shape.js';
import { refusedKind } from './refused.js';

/** Exclusion constraints: they can't be made from an index that stands already, so that they have no twin. */
export const exclusion = refusedKind(
  'exclusion constraint',
  (_version, schemas) => `
    select pg_catalog.json_build_object('name', k.conname, 'schema', n.nspname, 'relation', t.relname,
      'called', 'exclusion constraint ' || k.conname || ' on ' || t.oid::regclass::text, 'named', ${indexNamesSql}) as object
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_index i on i.indexrelid = k.conindid
    join pg_catalog.pg_class t on t.oid = k.conrelid and t.relkind in ('r', 'p')
    join ${schemas} n on n.oid = t.relnamespace
    where k.contype = 'x'`,
);
