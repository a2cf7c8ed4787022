import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Client } from 'pg';

/** Bytes that this process may still write where `directory` is, or will be. */
export async function freeDisk(directory: string): Promise<number> {
  for (let path = resolve(directory); ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error;
    }
  }
}

/**
 * An estimate, on the safe side, of what a backup of these tables takes, in bytes: compressed text of rows is at most half
 * of their pages; what is out of line is compressed already, and twice as long as text before gzip halves it.
 * @param tables OIDs with partitions, null: all tables of the database
 */
export async function estimateBackup(
  client: Pick<Client, 'query'>,
  tables: number[] | null,
): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `select coalesce(sum(pg_relation_size(c.oid) * 0.5
              + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0::oid)), 0) * 1.15), 0)::int8 as bytes
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
       and ($1::oid[] is null or c.oid = any ($1::oid[]))`,
    [tables],
  );
  // the table of contents and an own file for each table
  return Number(rows[0]?.bytes) + 16 * 1024 * 1024;
}

/** What the hook `free-disk` of a connection says: bytes free on the server, alone on the last line of its output. */
export function readFreeDisk(output: string): number | null {
  const last = output.trim().split('\n').at(-1)?.trim() ?? '';
  return /^\d{1,18}$/.test(last) ? Number(last) : null;
}
