/** The query for relations that are neither tables nor indexes of tables: one namespace with these. Locks: none on tables. */
export const relationsSql = `
  select n.nspname as schema, c.relname as name,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
      when 'c' then 'composite type' else 'index' end as kind
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_class t on t.oid = i.indrelid
  where (c.relkind in ('v', 'm', 'S', 'c') or c.relkind in ('i', 'I') and t.relkind = 'm')
    and n.nspname !~ '^(pg_|information_schema$|rekey$)'
  order by n.nspname collate "C", c.relname collate "C"`;
