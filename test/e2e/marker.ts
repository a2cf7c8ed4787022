import type { Client as Postgres } from 'pg';

/** Stands in the data, and must stand nowhere else. */
export const marker = 'mArKeR-7f3a';

/**
 * Puts the marker into every text column. Left alone are columns whose texts a check, a foreign key or a policy
 * prescribes, and names that the application has in its sources, and half of the references, by which the clients know their rows.
 */
export async function markTexts(superuser: Postgres): Promise<number> {
  const { rows } = await superuser.query<{ table: string; column: string }>(
    `select a.attrelid::regclass::text as table, quote_ident(a.attname) as column
     from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'archive'::regnamespace)
       and a.attnum > 0 and not a.attisdropped and a.atttypid = 'text'::regtype and a.attname not in ('tenant', 'code') and (c.relname, a.attname) <> ('roles', 'name')
       and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype in ('c', 'f') and a.attnum = any (k.conkey))
       and not exists (select from pg_constraint k where k.confrelid = c.oid and a.attnum = any (k.confkey))`,
  );
  await superuser.query('begin; set local session_replication_role = replica');
  for (const { table, column } of rows) {
    const half = column === 'reference' ? `where reference ~ '[02468]$'` : '';
    await superuser.query(`update ${table} set ${column} = ${column} || ' ${marker}' ${half}`);
  }
  await superuser.query('commit');
  return rows.length;
}

/** Every text and every payload of a history, memo or attribute, decoded. */
export function everyText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return value.map(everyText).join('\n');
  if (value !== null && typeof value === 'object')
    return Object.entries(value)
      .map(([key, inner]) => `${key}\n${everyText(inner)}`)
      .join('\n');
  return String(value);
}
