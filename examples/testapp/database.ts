import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import type { Counts } from './counts.js';
import { type GenerateOptions, generate } from './generate.js';

export interface TestappUrls {
  superuser: string;
  /** owns everything, no superuser: the role that Rekey connects as */
  owner: string;
  /** reads and writes, owns nothing */
  app: string;
  /** reads, in two tables only some columns */
  reader: string;
  /** sees its own announcements only (row-level security) and some columns of users */
  tenant: string;
}

export interface Testapp extends TestappUrls {
  database: string;
  counts: Counts;
}

/**
 * Where schema.sql, roles.sql and plan.yaml lie: the compiler does not copy them, so this may run from dist.
 */
export function testappDirectory(): string {
  for (let directory = __dirname; directory !== dirname(directory); directory = dirname(directory)) {
    for (const candidate of [directory, join(directory, 'examples', 'testapp')]) {
      if (existsSync(join(candidate, 'schema.sql'))) return candidate;
    }
  }
  throw new Error(`schema.sql of the reference application is neither in ${__dirname} nor above it`);
}

/** The connection string of the same server for another role or database. `password`: null leaves it out. */
export function urlFor(
  url: string,
  to: { user?: string; password?: string | null; database?: string },
): string {
  const result = new URL(url);
  if (to.user !== undefined) result.username = encodeURIComponent(to.user);
  if (to.password !== undefined)
    result.password = to.password === null ? '' : encodeURIComponent(to.password);
  if (to.database !== undefined) result.pathname = `/${encodeURIComponent(to.database)}`;
  return result.toString();
}

/**
 * Makes the database (which must not be there yet), the roles where they are missing, the schema and the data.
 * `password`: what the four roles get, where the server asks for one.
 */
export async function createTestapp(
  superuserUrl: string,
  database: string,
  options: GenerateOptions & { password?: string },
): Promise<Testapp> {
  const directory = testappDirectory();
  const sql = (file: string) => readFile(join(directory, file), 'utf8');
  const password = options.password ?? null;
  const role = (user: string) => urlFor(superuserUrl, { user, password, database });
  const urls: TestappUrls = {
    superuser: urlFor(superuserUrl, { database }),
    owner: role('testapp_owner'),
    app: role('testapp_app'),
    reader: role('testapp_reader'),
    tenant: role('testapp_tenant'),
  };

  await withClient(superuserUrl, async (client) => {
    if (password) await client.query(`select set_config('testapp.password', $1, false)`, [password]);
    await client.query(await sql('roles.sql'));
    await client.query(`create database ${client.escapeIdentifier(database)} owner testapp_owner`);
  });
  // Before PostgreSQL 15 everybody may create tables in schema public.
  await withClient(urls.superuser, (client) =>
    client.query('revoke create on schema public from public; grant all on schema public to testapp_owner'),
  );
  await withClient(urls.owner, async (client) => client.query(await sql('schema.sql')));
  const counts = await withClient(urls.superuser, (client) => generate(client, options));
  return { ...urls, database, counts };
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  // a server that ends meanwhile is told by the query, and must not end the process
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
