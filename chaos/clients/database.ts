import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from 'pg';

export interface ClientUrls {
  /** for the checker and the journal; no client uses it */
  superuser: string;
  /** owns the tables and is no superuser: the role that Rekey connects as */
  owner: string;
  /** reads and writes, owns nothing */
  app: string;
  /** row security shows it its own vaults only, and it may not read customers */
  tenant: string;
  /** may set session_replication_role */
  loader: string;
  /** reads */
  reporter: string;
}

export interface ClientTablesOptions {
  /** customers that stand there beforehand; other tables in proportion */
  rows: number;
  seed: number;
  /** of all roles; null where the server asks for none */
  password: string | null;
  /** role that owns the schema: made unless it is there */
  owner?: string;
}

const roles = ['app', 'tenant', 'loader', 'reporter'] as const;
const ownRole = 'shop_owner';

/** Where schema.sql and plan.yaml lie: the compiler does not copy them, so this may run from dist. */
export function clientsDirectory(): string {
  for (let directory = __dirname; directory !== dirname(directory); directory = dirname(directory)) {
    const candidate = join(directory, 'chaos', 'clients');
    if (existsSync(join(candidate, 'schema.sql'))) return candidate;
  }
  throw new Error(`chaos/clients/schema.sql is not above ${__dirname}`);
}

/** The plan's text: `early` has every upsert accepted that its clients would otherwise be refused for. */
export function clientPlan({
  twins = 'late',
  name = 'shop',
}: {
  twins?: 'early' | 'late';
  name?: string;
} = {}): string {
  const text = readFileSync(join(clientsDirectory(), 'plan.yaml'), 'utf8').replace(
    /^plan: shop$/m,
    `plan: ${name}`,
  );
  return twins === 'late' ? text : text.replace(/^twins: late$/m, 'twins: early');
}

export function clientUrls(
  superuserUrl: string,
  database: string,
  password: string | null,
  owner = ownRole,
): ClientUrls {
  const url = (user: string | null) => {
    const result = new URL(superuserUrl);
    if (user !== null) {
      result.username = user;
      result.password = password ?? '';
    }
    result.pathname = `/${database}`;
    return result.toString();
  };
  const named = Object.fromEntries(roles.map((role) => [role, url(`shop_${role}`)]));
  return { superuser: url(null), owner: url(owner), ...named } as unknown as ClientUrls;
}

/**
 * Makes the roles where they are missing, the database unless it is there, schema `shop` in it, and its rows: labels
 * begin with `seed-`, and no client changes them, or with `standing-`, and several take them away and make them again.
 */
export async function createClientTables(
  superuserUrl: string,
  database: string,
  { rows, seed, password, owner = ownRole }: ClientTablesOptions,
): Promise<ClientUrls> {
  const urls = clientUrls(superuserUrl, database, password, owner);
  await withClient(superuserUrl, async (client) => {
    await makeRoles(client, password, owner);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0)
      await client.query(`create database ${client.escapeIdentifier(database)} owner ${owner}`);
    else await client.query(`grant create on database ${client.escapeIdentifier(database)} to ${owner}`);
  });
  const text = readFileSync(join(clientsDirectory(), 'schema.sql'), 'utf8');
  await withClient(urls.owner, async (client) => {
    await client.query(text);
    await client.query(seedRows(rows, seed));
  });
  await withClient(urls.superuser, (client) => client.query('analyze'));
  return urls;
}

async function makeRoles(client: Client, password: string | null, owner: string): Promise<void> {
  await client.query('begin');
  // two of them at once: the second one waits, and finds the roles there
  await client.query(`select pg_advisory_xact_lock(hashtextextended('shop roles', 0))`);
  for (const name of [owner, ...roles.map((role) => `shop_${role}`)]) {
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [name]);
    if (rowCount === 0) await client.query(`create role ${name} login`);
    if (password) await client.query(`alter role ${name} password ${client.escapeLiteral(password)}`);
  }
  await client.query(`grant pg_read_all_stats to ${owner}`);
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  if ((rows[0]?.version ?? 0) >= 150000)
    await client.query(`grant set on parameter session_replication_role to ${owner}, shop_loader`);
  await client.query('commit');
}

function seedRows(rows: number, seed: number): string {
  const some = (n: number) => Math.max(4, Math.round(rows * n));
  const of = (count: number, salt: number) => `1 + ((n::bigint * 7919 + ${seed + salt}) % ${count})::integer`;
  const accounts = some(1.5);
  return `
    set search_path = shop;
    insert into customers (label, n, created_at, updated_at) select 'seed-' || n, n % 7, now() - n * interval '1 hour', timestamptz '2020-01-01' from generate_series(1, ${rows}) n;
    update customers set referred_by = ${of(rows, 1).replaceAll('n::', 'id::')} where id % 3 = 0;
    update customers set referred_by = id where id % 11 = 1;
    alter table customers disable trigger customers_touch;
    update customers set updated_at = timestamptz '2020-01-01';
    alter table customers enable trigger customers_touch;
    truncate audit_log;
    insert into accounts (label, customer_id, total) select 'seed-' || n, ${of(rows, 2)}, n from generate_series(1, ${accounts}) n;
    insert into entries (account_id, n, label, amount) select ${of(accounts, 3)}, n, 'seed-' || n, n from generate_series(1, ${some(2)}) n;
    insert into codes (code, label, hits) values (600000000, 'seed-fallback', 0);
    insert into codes (code, label, hits) select n, 'standing-' || n, 1 from generate_series(1, 3) n;
    insert into codes (code, label, hits) select n * 10, 'seed-' || n, n from generate_series(1, ${some(0.3)}) n;
    insert into code_uses (label, code, fallback) select 'seed-' || n, (${of(some(0.3), 4)}) * 10, case when n % 2 = 0 then 600000000 else (${of(some(0.3), 5)}) * 10 end from generate_series(1, ${some(0.5)}) n;
    insert into profiles (customer_id, label, theme) select n, 'seed-' || n, 'dark' from generate_series(1, ${some(0.5)}) n where n <= ${rows};
    insert into teams (label) select 'seed-' || n from generate_series(1, ${some(0.1)}) n;
    insert into members (label, team_id) select 'seed-' || n, ${of(some(0.1), 6)} from generate_series(1, ${some(0.4)}) n;
    update teams set lead_id = id;
    insert into nodes (id, label, parent_id) select n, 'seed-' || n, greatest(n / 3, 1) from generate_series(1, ${some(0.5)}) n;
    select setval('nodes_id_seq', ${some(0.5)});
    insert into orders (label, customer_id) select 'seed-' || n, nullif(${of(rows, 7)}, 1) from generate_series(1, ${some(1)}) n;
    insert into order_lines (order_id, n, label, quantity) select 1 + n % ${some(1)}, n, 'seed-' || n, n from generate_series(1, ${some(2)}) n;
    insert into visits (customer_id, label) select ${of(rows, 8)}, 'seed-' || n from generate_series(1, ${some(1)}) n;
    insert into uploads (label, customer_id, account_id, amount) select 'seed-' || n, ${of(rows, 9)}, nullif(${of(accounts, 10)}, 2), n from generate_series(1, ${some(1)}) n;
    insert into vaults (label, tenant, customer_id) select 'seed-' || n, case when n % 2 = 0 then 'shop_tenant' else 'somebody else' end, ${of(rows, 11)} from generate_series(1, ${some(0.4)}) n;
    insert into vault_items (label, vault_id, amount) select 'seed-' || n, ${of(some(0.4), 12)}, n from generate_series(1, ${some(0.8)}) n;`;
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
