import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeDisk, readFreeDisk } from '../../src/backup/disk.js';
import { findTools } from '../../src/backup/find-tools.js';
import { libpqEnvironment } from '../../src/backup/libpq.js';
import { backupDirectory, fileName } from '../../src/backup/names.js';

describe('the client programs', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'rekey-tools-'));
    // versions that no machine has, so that what is installed here does not matter
    for (const version of ['96.1', '97.3', '98.2']) {
      const bin = join(root, version);
      await mkdir(bin);
      for (const program of ['pg_dump', 'pg_restore']) {
        await writeFile(join(bin, program), `#!/bin/sh\necho "${program} (PostgreSQL) ${version}"\n`);
        await chmod(join(bin, program), 0o755);
      }
    }
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const environment = (...versions: string[]) => ({
    PATH: process.env.PATH,
    REKEY_PG_BIN: versions.map((version) => join(root, version)).join(':'),
  });

  it('are those of the nearest version that is not older than the server', async () => {
    const all = environment('98.2', '96.1', '97.3');
    expect(await findTools(960000, all)).toMatchObject({
      major: 96,
      version: '96.1',
      bin: join(root, '96.1'),
    });
    expect(await findTools(970005, all)).toMatchObject({ major: 97, version: '97.3' });
    expect(await findTools(980000, all)).toMatchObject({ major: 98, psql: null });
  });

  it('are none where all are older than the server', async () => {
    expect(await findTools(990000, environment('98.2'))).toBeNull();
  });

  it('need pg_dump and pg_restore of one version side by side', async () => {
    const bin = join(root, 'mixed');
    await mkdir(bin);
    for (const [program, version] of [
      ['pg_dump', '98.2'],
      ['pg_restore', '97.3'],
    ]) {
      await writeFile(join(bin, program!), `#!/bin/sh\necho "x (PostgreSQL) ${version}"\n`);
      await chmod(join(bin, program!), 0o755);
    }
    expect(await findTools(960000, { ...environment('mixed') })).toBeNull();
  });

  it('are asked for their version once, and again where another program has come in their place', async () => {
    const bin = join(root, 'asked');
    const asked = join(root, 'asked.log');
    await mkdir(bin);
    const install = async (version: string) => {
      for (const program of ['pg_dump', 'pg_restore']) {
        await rm(join(bin, program), { force: true });
        const text = `#!/bin/sh\necho asked >> ${asked}\necho "${program} (PostgreSQL) ${version}"\n`;
        await writeFile(join(bin, program), text, { mode: 0o755 });
      }
    };
    await install('98.2');
    for (let time = 1; time <= 3; time++) {
      expect(await findTools(980000, environment('asked'))).toMatchObject({ version: '98.2' });
    }
    expect(await readFile(asked, 'utf8')).toBe('asked\nasked\n');
    await install('98.3');
    expect(await findTools(980000, environment('asked'))).toMatchObject({ version: '98.3' });
  });

  it('get the connection through the environment, and nothing of the worker beside it', () => {
    process.env.REKEY_CONNECTION_OTHER = 'postgres://x:y@z/w';
    process.env.PGSERVICE = 'elsewhere';
    try {
      const url =
        'postgres://o%40b:p%2Fw@db.example:5433/My%20Data?sslmode=no-verify&target_session_attrs=read-write';
      const env = libpqEnvironment(url, 'rekey backup');
      expect(env).toMatchObject({
        PGHOST: 'db.example',
        PGPORT: '5433',
        PGUSER: 'o@b',
        PGPASSWORD: 'p/w',
        PGDATABASE: 'My Data',
        PGSSLMODE: 'require',
        PGTARGETSESSIONATTRS: 'read-write',
        PGAPPNAME: 'rekey backup',
      });
      expect(env.REKEY_CONNECTION_OTHER).toBeUndefined();
      expect(env.PGSERVICE).toBeUndefined();
    } finally {
      delete process.env.REKEY_CONNECTION_OTHER;
      delete process.env.PGSERVICE;
    }
  });
});

describe('the directory of a backup', () => {
  it.each([
    '..',
    '.',
    '../../etc',
    'a/b',
    'a\\b',
    'ä',
    '',
    'x'.repeat(300),
    'a\nb',
    '%2F',
    '.hidden',
    'CON\0',
  ])('never leads out of REKEY_BACKUPS: %j', (name) => {
    expect(fileName(name)).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9_.%-]{0,119}$/);
    const directory = backupDirectory('/backups', name, name);
    expect(directory.split('/')).toHaveLength(4);
    expect(directory.startsWith('/backups/')).toBe(true);
  });

  it('is a different one for different names', () => {
    const names = ['a/b', 'a%2Fb', 'a b', 'a_b', 'A', 'a', `${'x'.repeat(200)}1`, `${'x'.repeat(200)}2`];
    expect(new Set(names.map(fileName)).size).toBe(names.length);
  });

  it('has so much free disk, before it is there as well', async () => {
    const free = await freeDisk(tmpdir());
    expect(free).toBeGreaterThan(0);
    expect(Math.abs((await freeDisk(join(tmpdir(), 'not', 'yet'))) - free)).toBeLessThan(1e9);
  });
});

describe('the hook free-disk', () => {
  it.each([
    ['123456\n', 123456],
    ['looking ...\n 42 \n', 42],
    ['', null],
    ['12 GB', null],
    ['-5', null],
  ])('says %j', (output, bytes) => {
    expect(readFreeDisk(output)).toBe(bytes);
  });
});
