import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeBackup } from '../../src/backup/dump.js';
import { freshDatabase, type TestDatabase } from '../servers.js';
import { rekey } from './run.js';

let source: TestDatabase;
let target: TestDatabase;
let backups: string;
let backup: string;

beforeAll(async () => {
  [source, target] = [await freshDatabase(), await freshDatabase()];
  for (const database of [source, target])
    await database.query(
      'create table users (user_id int primary key, name text); create table logs (id int primary key)',
    );
  await source.query(
    `insert into users select g, 'user ' || g from generate_series(1, 500) g; insert into logs values (1)`,
  );
  backups = await mkdtemp(join(tmpdir(), 'rekey-backups-'));
  const request = {
    url: source.ownerUrl,
    what: { scope: 'full' as const },
    root: backups,
    name: 'before',
    parallel: 1,
    tools: null,
  };
  ({ backup } = await takeBackup(request, () => undefined, new AbortController().signal));
}, 120_000);

afterAll(async () => {
  await rm(backups, { recursive: true, force: true });
  await source?.drop();
  await target?.drop();
});

const env = () => ({
  REKEY_CONNECTION_SOURCE: source.ownerUrl,
  REKEY_CONNECTION_OTHER: target.ownerUrl,
  REKEY_BACKUPS: backups,
});

test('a backup does not go into the database that it was taken of', async () => {
  const { code, stderr } = await rekey(['restore', backup, '--into', 'source'], env());
  expect(code).toBe(2);
  expect(stderr).toContain('restore.same-database');
});

test('one table of a backup, found by its name below REKEY_BACKUPS, goes into another database', async () => {
  const { code, stdout } = await rekey(['restore', backup, '--into', 'other', '--table', 'users'], env());
  expect(stdout).toMatch(/^restored 1 table with 500 rows in /);
  expect(code).toBe(0);
  expect(await target.query('select count(*)::int as n from users')).toEqual([{ n: 500 }]);
  expect(await target.query('select count(*)::int as n from logs')).toEqual([{ n: 0 }]);
});

test('a table that is not in the backup is named', async () => {
  const { code, stderr } = await rekey(['restore', backup, '--into', 'other', '--table', 'nowhere'], env());
  expect(code).toBe(2);
  expect(stderr).toContain('nowhere');
});
