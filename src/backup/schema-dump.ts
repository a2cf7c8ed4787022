import { runCommand } from '../run-command.js';
import { findTools, type PgTools } from './find-tools.js';
import { libpqEnvironment } from './libpq.js';
import { toolFailure } from './tool-failure.js';
import { noTools } from './verify.js';

export interface SchemaDumpRequest {
  url: string;
  /** server_version_num: pg_dump must not be older */
  serverVersion: number;
  /** null: none to be had; left out: looked for */
  tools?: PgTools | null;
  signal?: AbortSignal;
}

/**
 * The text of the whole schema without Rekey's own, to be compared byte for byte. Dumps of one pg_dump are comparable, those
 * of two versions are not: store `toolVersion` beside the text. Takes ACCESS SHARE on all tables.
 * Throws StepFailed `backup.no-pg-dump` where no fitting pg_dump is to be had: this step is never left out silently.
 */
export async function schemaDump(request: SchemaDumpRequest): Promise<string> {
  const tools = request.tools === undefined ? await findTools(request.serverVersion) : request.tools;
  if (tools === null) throw noTools(request.serverVersion);
  const env = libpqEnvironment(request.url, 'rekey schema dump');
  const args = ['--schema-only', '--exclude-schema=rekey', '--lock-wait-timeout=60000', '--no-password'];
  // else each dump gets a random key, and no two are the same
  if (await hasRestrictKey(tools)) args.push('--restrict-key=rekey');
  const result = await runCommand(
    { command: tools.pgDump, args, env, timeout: null, keep: 512 * 1024 * 1024 },
    request.signal,
  );
  if (result.code !== 0) throw toolFailure('pg_dump', result, null);
  return rolesInOrder(result.stdout);
}

/**
 * pg_dump names a policy's roles as they lie in pg_authid, and any ALTER ROLE or GRANT of a role in the cluster moves them
 * about there. That is no difference of this schema, so the names are put in order.
 */
export function rolesInOrder(dump: string): string {
  return dump.replace(policy, (_, before: string, roles: string) => {
    const names = roles.match(new RegExp(ident, 'g')) ?? [];
    return before + names.sort().join(', ');
  });
}

const ident = '(?:"(?:[^"]|"")+"|[^\\s",;.]+)';
const policy = new RegExp(
  `^(CREATE POLICY ${ident} ON ${ident}\\.${ident}(?: AS RESTRICTIVE)?(?: FOR [A-Z]+)? TO )(${ident}(?:, ${ident})*)`,
  'gm',
);

/** Minor releases since August 2025 have it. */
async function hasRestrictKey(tools: PgTools): Promise<boolean> {
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const help = await runCommand({
    command: tools.pgDump,
    args: ['--help'],
    env,
    timeout: 10_000,
    keep: 100_000,
  });
  return help.stdout.includes('--restrict-key');
}
