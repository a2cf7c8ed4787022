/**
 * The SQL of an object's comment, or of a column's. It stands for obj_description and col_description, which are SQL
 * functions that PostgreSQL starts anew for each row: half of what reading a catalog cost. Locks: none.
 */
export function commentSql(
  of: 'pg_class' | 'pg_constraint' | 'pg_statistic_ext',
  oid: string,
  column = '0',
): string {
  return `(select de.description from pg_catalog.pg_description de
    where de.objoid = ${oid} and de.classoid = 'pg_catalog.${of}'::regclass and de.objsubid = ${column})`;
}
