import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ClientBase } from 'pg';

/** Makes the music shop's 11 tables in the first schema of the search path, owned by the client's role. */
export async function loadChinook(client: ClientBase): Promise<void> {
  await load(client, 'chinook.sql.gz');
}

/** Makes the trading company's 14 tables in the first schema of the search path, owned by the client's role. */
export async function loadNorthwind(client: ClientBase): Promise<void> {
  await load(client, 'northwind.sql.gz');
}

async function load(client: ClientBase, file: string): Promise<void> {
  const sql = await promisify(gunzip)(await readFile(join(__dirname, file)));
  await client.query(`begin;\n${sql.toString('utf8')}\ncommit;`);
  await client.query('analyze');
}
