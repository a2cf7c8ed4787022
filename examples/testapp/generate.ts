import type { ClientBase } from 'pg';
import { type Counts, countsFor } from './counts.js';
import { type TableRows, tableRows } from './rows.js';

export interface GenerateOptions {
  /** about how many rows all tables have together; at least 1000 are made */
  rows: number;
  /** the same rows and seed give the same data, to the byte */
  seed: number;
}

/**
 * Fills an empty reference database. As a superuser it skips the foreign keys' triggers (the data is right by
 * construction), which makes it several times as fast; as the owner it does without. Ends with ANALYZE.
 */
export async function generate(client: ClientBase, { rows, seed }: GenerateOptions): Promise<Counts> {
  const counts = countsFor(rows);
  const { rows: roles } = await client.query<{ superuser: boolean }>(
    'select rolsuper as superuser from pg_roles where rolname = current_user',
  );
  await client.query('begin');
  try {
    if (roles[0]?.superuser) await client.query('set local session_replication_role = replica');
    await client.query(
      `set local timezone = 'UTC'; set local synchronous_commit = off; set local work_mem = '64MB'`,
    );
    for (const table of tableRows(counts, seed)) await fill(client, table);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
  await client.query('analyze');
  return counts;
}

async function fill(client: ClientBase, { sql, sequence }: TableRows): Promise<void> {
  await client.query(sql);
  if (!sequence) return;
  // Rows with outlying keys (imported, shipped with the product) never touched the sequence: it goes on below them.
  const { table, column, below } = sequence;
  await client.query(
    `select setval(pg_get_serial_sequence('${table}', '${column}'), coalesce(max("${column}"), 1), max("${column}") is not null)
     from ${table} where "${column}" between 1 and ${below ?? '9223372036854775807'}`,
  );
}
