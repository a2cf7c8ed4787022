import { randomBytes } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { Client } from 'pg';

/**
 * What test files get their servers from: one PostgreSQL a version and one Temporal for the whole run, started when the
 * first one asks (a file that asks for nothing starts nothing) and ended with it. For a server that a test wants to
 * kill or to configure, use `startPostgres` and `startTemporal` of src/servers.
 */

export interface SharedPostgres {
  version: number;
  host: string;
  port: number;
  superuserUrl: string;
  binDir: string | null;
}

export interface TestDatabase {
  name: string;
  /** major version of its server */
  version: number;
  /** owns the database: no superuser, no BYPASSRLS, CREATE on the database, member of pg_read_all_stats */
  ownerUrl: string;
  /** may read and write what the owner makes in schema public, owns nothing */
  rwUrl: string;
  /** may read what the owner makes in schema public */
  roUrl: string;
  /** for setting up what the owner may not; never for what is tested */
  superuserUrl: string;
  /** this database as any role of `ensureRole` */
  url(role: string): string;
  /** one statement, or several without parameters, on a connection of its own; as the owner unless a url is given */
  query<Row = Record<string, unknown>>(sql: string, values?: unknown[], url?: string): Promise<Row[]>;
  drop(): Promise<void>;
}

export interface SharedTemporal {
  address: string;
  namespace: string;
  /** unique for each call */
  taskQueue: string;
  /** the real `temporal` program */
  cliPath: string;
  uiUrl: string | null;
}

/** Of all roles that tests make; the server listens on 127.0.0.1 only and its data are thrown away. */
const rolePassword = 'for-tests-only';

/** Major versions that what differs between versions is tested on: REKEY_TEST_VERSIONS, as `14,16`, else 18 and 15. */
export function testVersions(): number[] {
  return (process.env.REKEY_TEST_VERSIONS || '18,15').split(',').map(Number);
}

/**
 * For what asks no more of a version than `activities/round-trip` does, which has the whole plan below Temporal on all of them:
 * 18 unless said.
 */
export function wholePlanVersions(): number[] {
  return process.env.REKEY_TEST_VERSIONS ? testVersions() : testVersions().slice(0, 1);
}

/** The shared server of this major version; starting it takes a few seconds, fetching its binaries up to a minute. */
export async function sharedPostgres(version = 18): Promise<SharedPostgres> {
  return ask<SharedPostgres>(`/postgres/${version}`);
}

/** A new database on the shared server, or on one of the caller's own, with the three roles. */
export async function freshDatabase(on: number | SharedPostgres = 18): Promise<TestDatabase> {
  const server = typeof on === 'number' ? await sharedPostgres(on) : on;
  await makeRoles(server);
  const name = `test_${randomBytes(6).toString('hex')}`;
  await run(server.superuserUrl, `create database ${name} owner rekey_owner`);
  const superuserUrl = inDatabase(server.superuserUrl, name);
  const url = (role: string) => asRole(superuserUrl, role);
  const ownerUrl = url('rekey_owner');
  await run(
    superuserUrl,
    'revoke create on schema public from public; grant all on schema public to rekey_owner',
  );
  await run(
    ownerUrl,
    `grant usage on schema public to app_rw, app_ro;
     alter default privileges in schema public grant select, insert, update, delete on tables to app_rw;
     alter default privileges in schema public grant usage, select on sequences to app_rw;
     alter default privileges in schema public grant select on tables to app_ro`,
  );
  return {
    name,
    version: server.version,
    ownerUrl,
    rwUrl: url('app_rw'),
    roUrl: url('app_ro'),
    superuserUrl,
    url,
    query: <Row>(sql: string, values?: unknown[], as = ownerUrl) => run<Row>(as, sql, values),
    drop: async () => {
      await run(server.superuserUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

/**
 * Makes a role that can log in unless it is there (roles belong to the server, not to a database: give yours a name
 * that no other test file uses for something else). `attributes` as in CREATE ROLE: 'createdb', 'bypassrls'.
 */
export async function ensureRole(on: number | SharedPostgres, role: string, attributes = ''): Promise<void> {
  const server = typeof on === 'number' ? await sharedPostgres(on) : on;
  // two test files at once: the second one waits, and finds the role there
  await run(
    server.superuserUrl,
    `begin;
     select pg_advisory_xact_lock(7253); -- any number that all callers share
     do $$ begin
       if not exists (select from pg_roles where rolname = '${role}') then
         create role ${role} login password '${rolePassword}' ${attributes};
       end if;
     end $$;
     commit`,
  );
}

/**
 * The shared Temporal server. Test files run at the same time: with `ownNamespace` a file may use fixed task queues,
 * workflow ids and search attributes; without it only its own task queue, and workflow ids that nobody else uses.
 */
export async function temporalForTests(options: { ownNamespace?: boolean } = {}): Promise<SharedTemporal> {
  const server = await ask<SharedTemporal>('/temporal');
  const suffix = randomBytes(6).toString('hex');
  const namespace = options.ownNamespace ? `test-${suffix}` : server.namespace;
  if (options.ownNamespace) await makeNamespace(server.address, namespace);
  return {
    address: server.address,
    namespace,
    taskQueue: `test-${suffix}`,
    cliPath: server.cliPath,
    uiUrl: server.uiUrl,
  };
}

async function ask<Answer>(path: string): Promise<Answer> {
  const broker = process.env.REKEY_TEST_BROKER;
  if (!broker) throw new Error('there is no broker: run tests with jest from the root of the project');
  const response = await fetch(broker + path);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text) as Answer;
}

const serversWithRoles = new Map<string, Promise<void>>();

function makeRoles(server: SharedPostgres): Promise<void> {
  const made =
    serversWithRoles.get(server.superuserUrl) ??
    (async () => {
      for (const role of ['rekey_owner', 'app_rw', 'app_ro']) await ensureRole(server, role);
      await run(
        server.superuserUrl,
        `begin; select pg_advisory_xact_lock(7253); grant pg_read_all_stats to rekey_owner; commit`,
      );
    })();
  serversWithRoles.set(server.superuserUrl, made);
  return made;
}

async function makeNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    // a new namespace becomes known to all parts of the server within seconds: a listing goes through all of them
    for (let attempt = 1; ; attempt++) {
      try {
        await connection.workflowService.listWorkflowExecutions({ namespace });
        return;
      } catch (error) {
        if (attempt === 300) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  } finally {
    await connection.close();
  }
}

async function run<Row = Record<string, unknown>>(
  url: string,
  sql: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query(sql, values);
    return (Array.isArray(result) ? result.at(-1) : result).rows;
  } finally {
    await client.end();
  }
}

function inDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

function asRole(url: string, role: string): string {
  const changed = new URL(url);
  changed.username = role;
  changed.password = rolePassword;
  return changed.href;
}
