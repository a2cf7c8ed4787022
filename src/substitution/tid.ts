/**
 * The first place of a block that a parameter names, as bigint: `ctid >=` and `ctid <` of it are a scan of a range of blocks.
 * No operator that has to be looked for: the statement may run under the application's search path.
 */
export function tid(block: string): string {
  return `pg_catalog.format('(%s,0)', ${block}::int8)::tid`;
}

/** The block in which a row lies, as float8. */
export function blockOf(alias: string): string {
  return `(pg_catalog.split_part(pg_catalog.ltrim(${alias}.ctid::text, '('), ',', 1))::float8`;
}
