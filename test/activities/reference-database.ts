import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { parseDocument } from 'yaml';
import { createTestapp, type Testapp, testappDirectory } from '../../examples/testapp/database.js';
import { schemaDump } from '../../src/backup/schema-dump.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import { sharedPostgres } from '../servers.js';

/** The reference database and its plan, for activities that are called without Temporal. */
export interface ReferenceDatabase extends Testapp {
  connection: string;
  superuserClient: Client;
  dump: () => Promise<string>;
  drop: () => Promise<void>;
}

let made = 0;

export async function referenceDatabase(version: number, rows: number): Promise<ReferenceDatabase> {
  const server = await sharedPostgres(version);
  made += 1;
  const name = `activities_${version}_${process.pid}_${made}`;
  const testapp = await createTestapp(server.superuserUrl, name, {
    rows,
    seed: 11,
    password: 'for-tests-only',
  });
  const connection = name.replaceAll('_', '-');
  process.env[connectionVariable(connection)] = testapp.owner;
  const superuserClient = new Client({ connectionString: testapp.superuser });
  await superuserClient.connect();
  return {
    ...testapp,
    connection,
    superuserClient,
    dump: () => dumpOf(testapp.owner, version),
    drop: async () => {
      delete process.env[connectionVariable(connection)];
      await superuserClient.end();
      const admin = new Client({ connectionString: server.superuserUrl });
      await admin.connect();
      await admin.query(`drop database if exists ${name} with (force)`);
      await admin.end();
    },
  };
}

const toolsFound = new Map<number, ReturnType<typeof fetchPostgresTools>>();

function toolsOf(version: number): ReturnType<typeof fetchPostgresTools> {
  const found = toolsFound.get(version) ?? fetchPostgresTools(version);
  toolsFound.set(version, found);
  return found;
}

/** What pg_dump says of the schema, with one pg_dump for all: section 9 of the design asks for the same bytes. */
export async function dumpOf(url: string, version: number): Promise<string> {
  const tools = await toolsOf(version);
  if (tools === null) throw new Error('there is no pg_dump to compare schemas with');
  return schemaDump({ url, serverVersion: version * 10_000, tools });
}

/** The reference plan without what needs the application or its hooks to run, and without times to compare; those have tests of their own. */
export function referencePlan(): string {
  const document = parseDocument(readFileSync(join(testappDirectory(), 'plan.yaml'), 'utf8'));
  const { phases } = document.toJS() as { phases: { checks?: { sql?: string }[] }[] };
  phases.forEach((phase, at) => {
    document.deleteIn(['phases', at, 'hooks']);
    document.deleteIn(['phases', at, 'window']);
    document.deleteIn(['phases', at, 'probes']);
    if (phase.checks)
      document.setIn(
        ['phases', at, 'checks'],
        phase.checks.filter((c) => c.sql !== undefined),
      );
  });
  return document.toString();
}

/** One number a table that changes as soon as any value of any row does; the schemas rekey and pg_* are left out. */
export async function tableDigests(client: Client): Promise<Record<string, string>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname not in ('rekey', 'pg_catalog', 'information_schema', 'pg_toast') order by 1`,
  );
  const digests: Record<string, string> = {};
  for (const { name } of tables) {
    const { rows } = await client.query<{ digest: string }>(
      `select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as digest from ${name} t`,
    );
    digests[name] = rows[0]?.digest as string;
  }
  return digests;
}
