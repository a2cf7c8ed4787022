import { randomBytes } from 'node:crypto';
import { appendFileSync, chownSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { RekeyError } from '../errors.js';
import { accountForPostgres } from './account.js';
import { runCommand } from './command.js';
import { freePorts } from './free-port.js';
import { KeptServer } from './kept.js';
import { findPostgresBinaries, readableFor } from './postgres-binaries.js';

export interface PostgresOptions {
  /** major version, 18 unless said */
  version?: number;
  /** prepared transactions that it allows, 0 unless said */
  maxPreparedTransactions?: number;
  /** libraries to load at the start, as pg_stat_statements; those that the build does not have are left out */
  preload?: string[];
  /** further settings, as in postgresql.conf */
  settings?: Record<string, string>;
  /** only this kind: a test that kills the server must not kill one that the environment named */
  own?: boolean;
}

export interface PostgresServer {
  /** major version */
  version: number;
  host: string;
  port: number;
  /** database `postgres`, as a superuser */
  superuserUrl: string;
  /** where initdb and postgres lie (embedded builds have no psql or pg_dump); null for a server that is not ours */
  binDir: string | null;
  /** false where the environment named the server: then stop leaves it alone, and what ends or starts it throws */
  ours: boolean;
  /** the server's log so far, empty where it is not ours */
  log(): string;
  /** fast shutdown and start: same data, same port */
  restart(): Promise<void>;
  /** SIGKILL to the postmaster; answers when it is gone. Data stay, `restart` starts it again */
  crash(): Promise<void>;
  /** immediate shutdown (SIGQUIT): sessions are cut off, the next start recovers. Data stay */
  shutDownAtOnce(): Promise<void>;
  /** ends it and removes its data */
  stop(): Promise<void>;
}

/**
 * A PostgreSQL server of the version asked for: the one that REKEY_TEST_POSTGRES names (the address of a superuser)
 * where its version fits, else a new one with empty data on a free port of 127.0.0.1 that ends with this process.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const version = options.version ?? 18;
  const named = options.own ? null : await namedServer(version);
  return named ?? (await startOwn(version, options));
}

async function namedServer(version: number): Promise<PostgresServer | null> {
  const url = process.env.REKEY_TEST_POSTGRES;
  if (!url) return null;
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  let found: number;
  try {
    await client.connect();
    const { rows } = await client.query(`select current_setting('server_version_num')::int / 10000 as major`);
    found = rows[0].major;
  } catch {
    throw new RekeyError('BadInput', {
      code: 'server.address-silent',
      message: 'the server that REKEY_TEST_POSTGRES names does not answer',
      remedy: 'Correct the address, start that server, or unset REKEY_TEST_POSTGRES to have one started.',
    });
  } finally {
    await client.end().catch(() => undefined);
  }
  if (found !== version) return null;
  const refuse = async () => {
    throw new Error('this server is not ours to stop: REKEY_TEST_POSTGRES names it');
  };
  return {
    version,
    host: client.host,
    port: client.port,
    superuserUrl: url,
    binDir: null,
    ours: false,
    log: () => '',
    restart: refuse,
    crash: refuse,
    shutDownAtOnce: refuse,
    stop: async () => undefined,
  };
}

async function startOwn(version: number, options: PostgresOptions): Promise<PostgresServer> {
  const found = await findPostgresBinaries(version);
  const account = accountForPostgres();
  const kept = new KeptServer(`postgres-${version}`, account, 'INT');
  try {
    const binDir = await readableFor(found, account, kept.directory);
    const password = randomBytes(18).toString('base64url');
    await makeData(kept, binDir, account, password);
    const libraries = loadable(binDir, options.preload ?? []);
    let port = 0;
    const url = () => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    const launch = () => kept.launch(`${binDir}/postgres`, ['-D', kept.path('data'), '-p', String(port)]);
    writeSettings(kept, options, libraries);
    for (let attempt = 1; ; attempt++) {
      [port = 0] = await freePorts(1);
      launch();
      if (await answers(kept, url())) break;
      await kept.end('KILL');
      if (attempt === 5) throw startFailed(version, kept.output());
    }
    return {
      version,
      host: '127.0.0.1',
      port,
      superuserUrl: url(),
      binDir,
      ours: true,
      log: () => kept.output(),
      restart: async () => {
        await kept.end('INT');
        // after a crash the shared memory may be in use until the last backend has seen that the postmaster is gone
        for (let attempt = 1; ; attempt++) {
          launch();
          if (await answers(kept, url())) return;
          await kept.end('KILL');
          if (attempt === 20) throw startFailed(version, kept.output());
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
      },
      crash: () => kept.end('KILL'),
      shutDownAtOnce: () => kept.end('QUIT'),
      stop: () => kept.stop(),
    };
  } catch (error) {
    await kept.stop();
    throw error;
  }
}

type Account = ReturnType<typeof accountForPostgres>;

async function makeData(kept: KeptServer, binDir: string, account: Account, password: string): Promise<void> {
  const passwordFile = kept.path('password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account.uid !== undefined) chownSync(passwordFile, account.uid, account.gid ?? account.uid);
  const made = await runCommand(
    `${binDir}/initdb`,
    [
      ...['-D', kept.path('data'), '-U', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
    ],
    { timeout: 120_000, cwd: kept.directory, ...account },
  );
  if (made.code === 0) return;
  throw new RekeyError('StepFailed', {
    code: 'server.initdb-failed',
    message: `initdb failed: ${lastLines(made.stderr)}`,
    remedy: 'Check that the disk has room and that the temporary directory can be written.',
  });
}

/** Those of the libraries that this build has: a server that misses one does not start. */
function loadable(binDir: string, names: string[]): string[] {
  const places = ['../lib', '../lib/postgresql'].map((place) => join(binDir, place));
  const exists = (name: string) =>
    places.some((place) => ['so', 'dylib'].some((suffix) => existsSync(join(place, `${name}.${suffix}`))));
  return names.filter(exists);
}

function writeSettings(kept: KeptServer, options: PostgresOptions, libraries: string[]): void {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: kept.directory,
    max_connections: '200',
    shared_buffers: '128MB',
    // the data are thrown away: nothing here has to survive the machine, only the server's own crash
    fsync: 'off',
    synchronous_commit: 'on',
    wal_level: 'logical',
    max_wal_size: '2GB',
    max_prepared_transactions: String(options.maxPreparedTransactions ?? 0),
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] %u@%d ',
    ...(libraries.length > 0 ? { shared_preload_libraries: libraries.join(',') } : {}),
    ...options.settings,
  };
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  appendFileSync(kept.path('data', 'postgresql.conf'), `\n${lines.join('')}`);
}

/** Whether it takes connections, waiting up to a minute; false as soon as the server has ended by itself. */
async function answers(kept: KeptServer, url: string): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  while (kept.running && Date.now() < deadline) {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      // somebody else's server may have taken the port in the meantime
      const { rows } = await client.query(`select current_setting('data_directory') as directory`);
      return rows[0].directory === kept.path('data');
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return false;
}

function startFailed(version: number, output: string): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'server.start-failed',
    message: `PostgreSQL ${version} did not start: ${lastLines(output)}`,
    remedy: 'Read the lines above; often it is a full disk or too little shared memory.',
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ');
}
