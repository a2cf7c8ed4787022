import { Client } from 'pg';

/** A transaction that sees one moment of the database, and lets other sessions see the same one. */
export interface Snapshot {
  client: Client;
  /** name for `set transaction snapshot` and `pg_dump --snapshot`; valid until the snapshot is closed */
  id: string;
  database: string;
  /** server_version_num */
  serverVersion: number;
  source: Source;
  close(): Promise<void>;
}

/** Which database it is, whatever address it was reached by. */
export interface Source {
  /** null where the role may not ask for it */
  system: string | null;
  databaseOid: number;
}

const settings = [
  // a filtered read is an error, never a smaller backup
  'set row_security = off',
  'set search_path = pg_catalog',
  'set statement_timeout = 0',
  'set lock_timeout = 60000',
  'set idle_in_transaction_session_timeout = 0',
  "set datestyle = 'ISO'",
  "set intervalstyle = 'postgres'",
  "set timezone = 'UTC'",
  'set extra_float_digits = 3',
  'set synchronize_seqscans = off',
].join('; ');

/** A session whose settings don't depend on role or database. Throws the driver's errors as they are. */
export async function connect(url: string, applicationName: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(settings);
    // missing on some systems: there a backend whose worker has died ends with its statement
    await client.query(`set client_connection_check_interval = '2s'`).catch(() => undefined);
    // 17 and later
    await client.query('set transaction_timeout = 0').catch(() => undefined);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** Opens a snapshot, ACCESS SHARE on catalogs only. It holds back vacuum until it is closed, as every backup does. */
export async function openSnapshot(url: string, applicationName: string): Promise<Snapshot> {
  const client = await connect(url, applicationName);
  try {
    const source = await sourceOf(client);
    await client.query('begin transaction isolation level repeatable read, read only');
    const { rows } = await client.query<{ id: string; database: string; version: number }>(
      `select pg_export_snapshot() as id, current_database()::text as database,
              current_setting('server_version_num')::int4 as version`,
    );
    const { id, database, version } = rows[0]!;
    const close = () => client.end().catch(() => undefined);
    return { client, id, database, serverVersion: version, source, close };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** A further session in the same snapshot. */
export async function joinSnapshot(url: string, applicationName: string, id: string): Promise<Client> {
  const client = await connect(url, applicationName);
  try {
    await client.query('begin transaction isolation level repeatable read, read only');
    // takes a literal only; the server made this one, of hexadecimal digits and hyphens
    await client.query(`set transaction snapshot '${id.replace(/[^0-9A-Za-z-]/g, '')}'`);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

export async function sourceOf(client: Client): Promise<Source> {
  const { rows } = await client.query<{ oid: string }>(
    'select oid::int8 from pg_database where datname = current_database()',
  );
  const system = await client
    .query<{ id: string }>('select system_identifier::text as id from pg_control_system()')
    .then((result) => result.rows[0]?.id ?? null)
    .catch(() => null);
  return { system, databaseOid: Number(rows[0]?.oid) };
}

/** True where both are surely the same database; false where the servers don't say which they are. */
export function sameSource(a: Source, b: Source): boolean {
  return a.system !== null && a.system === b.system && a.databaseOid === b.databaseOid;
}

/**
 * Ends sessions that an attempt whose worker was killed left running on this backup: its pg_dump lives on without it.
 * The caller holds the advisory lock of the step, so no session of this name is a living attempt's.
 */
export async function endLeftovers(url: string, applicationName: string): Promise<number> {
  const client = await connect(url, 'rekey backup clean-up');
  try {
    const query = `select pid from pg_stat_activity
      where application_name = $1::text and usename = current_user and datname = current_database()`;
    const { rowCount } = await client.query(`select pg_terminate_backend(pid) from (${query}) as left_over`, [
      applicationName,
    ]);
    for (let i = 0; i < 50 && ((await client.query(query, [applicationName])).rowCount ?? 0) > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return rowCount ?? 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Stops what a session is doing, from outside, and closes it. */
export async function cancelSession(url: string, client: Client): Promise<void> {
  const pid = (client as Client & { processID?: number | null }).processID;
  if (pid) {
    const killer = await connect(url, 'rekey backup cancel').catch(() => null);
    await killer?.query('select pg_terminate_backend($1::int4)', [pid]).catch(() => undefined);
    await killer?.end().catch(() => undefined);
  }
  await client.end().catch(() => undefined);
}
