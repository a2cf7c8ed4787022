import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { insertRows, type Sizes, tableNames } from './rows.js';

/** Where schema.sql, by-hand.sql and plan.yaml lie: the compiler does not copy them, so this may run from dist. */
export function benchDirectory(): string {
  for (let directory = __dirname; directory !== dirname(directory); directory = dirname(directory)) {
    const candidate = join(directory, 'bench');
    if (existsSync(join(candidate, 'schema.sql'))) return candidate;
  }
  throw new Error(`bench/schema.sql is not above ${__dirname}`);
}

export interface Urls {
  superuser: string;
  /** owns the tables and is no superuser: the role of the script and of Rekey */
  owner: string;
  /** reads and writes, owns nothing: the clients */
  app: string;
}

export function urlsFor(superuserUrl: string, database: string, password: string): Urls {
  const url = (user: string | null) => {
    const result = new URL(superuserUrl);
    if (user !== null) {
      result.username = user;
      result.password = password;
    }
    result.pathname = `/${database}`;
    return result.toString();
  };
  return { superuser: url(null), owner: url('bench_owner'), app: url('bench_app') };
}

/** The database that both sides get a copy of. `password` is that of the two roles. */
export async function makeTemplate(
  superuserUrl: string,
  database: string,
  sizes: Sizes,
  password: string,
): Promise<void> {
  const urls = urlsFor(superuserUrl, database, password);
  const text = await readFile(join(benchDirectory(), 'schema.sql'), 'utf8');
  const [tables = '', rest = ''] = text.split('-- after the rows');
  await withClient(superuserUrl, async (client) => {
    await client.query(`do $$ begin
      if not exists (select from pg_roles where rolname = 'bench_owner') then
        create role bench_owner login;
        create role bench_app login;
        grant pg_read_all_stats to bench_owner;
        grant set on parameter session_replication_role to bench_owner;
      end if;
    end $$`);
    for (const role of ['bench_owner', 'bench_app'])
      await client.query(`alter role ${role} password ${client.escapeLiteral(password)}`);
    await client.query(`create database ${database} owner bench_owner`);
  });
  await withClient(urls.owner, async (client) => {
    await client.query(tables);
    for (const table of tableNames) await client.query(insertRows(table, sizes));
    await client.query(rest);
    for (const table of tableNames) {
      await client.query(`select setval(seq, ${sizes[table]}) from (
        select pg_get_serial_sequence('${table}', attname) as seq from pg_attribute where attrelid = '${table}'::regclass and attidentity <> '') s`);
      await client.query(`vacuum (analyze) ${table}`);
    }
  });
}

/** A copy by files, and a checkpoint, so that both sides begin with the same state. */
export async function copyDatabase(superuserUrl: string, from: string, to: string): Promise<void> {
  await withClient(superuserUrl, async (client) => {
    await client.query(`create database ${to} template ${from} owner bench_owner strategy file_copy`);
    await client.query('checkpoint');
  });
}

export async function dropDatabase(superuserUrl: string, database: string): Promise<void> {
  await withClient(superuserUrl, (client) =>
    client.query(`drop database if exists ${database} with (force)`),
  );
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
