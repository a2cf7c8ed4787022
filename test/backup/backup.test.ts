import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { estimateBackup } from '../../src/backup/disk.js';
import { type BackupRequest, takeBackup } from '../../src/backup/dump.js';
import { readManifest } from '../../src/backup/manifest.js';
import { backupSessionName } from '../../src/backup/names.js';
import { schemaDump } from '../../src/backup/schema-dump.js';
import { verifyBackup } from '../../src/backup/verify.js';
import { testVersions } from '../servers.js';
import { type Fixture, makeFixture, never, quiet, whileLocked } from './fixture.js';

describe.each(testVersions())('a backup of PostgreSQL %i', (version) => {
  let db: Fixture;
  beforeAll(async () => {
    db = await makeFixture(version);
  });
  afterAll(() => db?.end());

  const request = (name: string, more: Partial<BackupRequest> = {}): BackupRequest => ({
    url: db.source.ownerUrl,
    what: { scope: 'full' },
    root: db.root,
    name,
    parallel: 2,
    ...more,
  });

  it('holds the rows of every table, counted in the same snapshot and again in its files', async () => {
    const taken = await takeBackup(request('full'), quiet, never);
    expect(taken).toMatchObject({
      already: false,
      format: 'directory',
      verified: true,
      rows: 5 + 2003 + 300 + 400,
    });
    const manifest = await readManifest(taken.directory);
    const rows = Object.fromEntries(manifest.tables.map((table) => [table.table, table.rows]));
    expect(rows).toEqual({
      'Old Data.Order': 300,
      events: null,
      events_25: 213,
      events_26: 187,
      lobs: 5,
      nothing: 0,
      users: 2003,
    });
    expect(manifest.toolVersion).toBe(db.tools.version);
    expect((await stat(taken.directory)).mode & 0o077).toBe(0);
    expect((await stat(join(taken.directory, 'manifest.json'))).mode & 0o077).toBe(0);
  });

  it('is taken once: running it again reads the one that is there', async () => {
    const before = await takeBackup(request('once'), quiet, never);
    await db.source.query('insert into nothing values (1)');
    const again = await takeBackup(request('once'), quiet, never);
    await db.source.query('delete from nothing');
    expect(again).toEqual({ ...before, already: true });
  });

  it('of some tables takes their partitions along and leaves other rows out', async () => {
    const what = { scope: 'tables' as const, tables: ['events', 'Old Data.Order'] };
    const taken = await takeBackup(request('some', { what }), quiet, never);
    expect(taken.rows).toBe(700);
    const { tables } = await readManifest(taken.directory);
    expect(tables.filter((table) => table.rows !== null).map((table) => table.table)).toEqual([
      'Old Data.Order',
      'events_25',
      'events_26',
    ]);
  });

  it('falls back to COPY files where no pg_dump fits, and says that the schema is not in it', async () => {
    const taken = await takeBackup(request('copied', { tools: null, parallel: 3 }), quiet, never);
    expect(taken).toMatchObject({ format: 'copy', verified: true, files: 6, rows: 2708 });
    expect(await readManifest(taken.directory)).toMatchObject({ schemaIncluded: false, toolVersion: null });
  });

  it('that is external is a name in a manifest and never says that it was verified', async () => {
    const taken = await takeBackup(request('elsewhere', { what: { external: 'snap-0815' } }), quiet, never);
    expect(taken).toMatchObject({ format: 'external', verified: false, files: 0 });
    expect((await readManifest(taken.directory)).external).toBe('snap-0815');
  });

  it('that was cut off is not taken for whole, and is removed by the next attempt', async () => {
    const home = join(db.root, db.source.name);
    await mkdir(join(home, 'cut.0badcafe.partial'), { recursive: true });
    await writeFile(join(home, 'cut.0badcafe.partial', 'toc.dat'), 'half');
    const taken = await takeBackup(request('cut'), quiet, never);
    expect(taken.already).toBe(false);
    expect((await readdir(home)).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it.each([
    ['with pg_dump and all its sessions', {}],
    ['with its sessions where it writes COPY files', { tools: null }],
  ])('ends %s when it is cancelled, and leaves no backup', async (_, more) => {
    const holder = new AbortController();
    await whileLocked(db, 'lobs', async () => {
      const running = takeBackup(request('cancelled', more), quiet, holder.signal);
      await Promise.race([running, sessions(db, 2)]);
      holder.abort(new Error('the operator cancelled'));
      await expect(running).rejects.toThrow('the operator cancelled');
      await sessions(db, 0);
    });
    expect(await readdir(join(db.root, db.source.name))).not.toContain('cancelled');
  });

  it('is refused where row-level security would hide rows, in both formats', async () => {
    await db.source.query(
      'alter table nothing enable row level security; alter table nothing force row level security',
    );
    try {
      const refused = { code: 'backup.row-security', message: expect.stringContaining('nothing') };
      await expect(takeBackup(request('rls'), quiet, never)).rejects.toMatchObject(refused);
      await expect(takeBackup(request('rls', { tools: null }), quiet, never)).rejects.toMatchObject(refused);
    } finally {
      await db.source.query(
        'alter table nothing no force row level security; alter table nothing disable row level security',
      );
    }
  });

  it('names the tables that the role may not read', async () => {
    await db.source.query(
      'create table secret (id int); insert into secret values (1)',
      [],
      db.source.superuserUrl,
    );
    try {
      await expect(takeBackup(request('secret'), quiet, never)).rejects.toMatchObject({
        code: 'privilege.missing',
        remedy: expect.stringContaining('grant select on secret'),
      });
    } finally {
      await db.source.query('drop table secret', [], db.source.superuserUrl);
    }
  });

  it('of a table that is not there is refused by its name', async () => {
    const what = { scope: 'tables' as const, tables: ['userz'] };
    await expect(takeBackup(request('none', { what }), quiet, never)).rejects.toMatchObject({
      code: 'backup.no-table',
      message: expect.stringContaining('userz'),
    });
  });

  it('says which file is damaged, and is never replaced', async () => {
    const taken = await takeBackup(request('broken'), quiet, never);
    const { files } = await readManifest(taken.directory);
    const data = join(taken.directory, files.find((file) => file.file.endsWith('.dat.gz'))!.file);
    const whole = await readFile(data);
    await truncate(data, whole.length - 1);
    await expect(verifyBackup(taken.directory)).rejects.toMatchObject({
      code: 'backup.damaged',
      where: data,
    });
    const flipped = Buffer.from(whole);
    flipped[flipped.length >> 1]! ^= 1;
    await writeFile(data, flipped);
    await expect(takeBackup(request('broken'), quiet, never)).rejects.toMatchObject({
      code: 'backup.damaged',
    });
    await writeFile(data, whole);
    await verifyBackup(taken.directory);
    await appendFile(join(taken.directory, 'manifest.json'), 'x');
    await expect(verifyBackup(taken.directory)).rejects.toMatchObject({ code: 'backup.damaged' });
  });

  it('of other tables or another database under the same name is not taken for this one', async () => {
    const what = { scope: 'tables' as const, tables: ['lobs'] };
    await takeBackup(request('mixed', { what }), quiet, never);
    await expect(takeBackup(request('mixed'), quiet, never)).rejects.toMatchObject({ code: 'backup.other' });
  });

  it('keeps the password out of the arguments, and tells its progress while it waits', async () => {
    const told: string[] = [];
    let running: Promise<unknown> | undefined;
    await whileLocked(db, 'lobs', async (release) => {
      running = takeBackup(request('slow'), (progress) => told.push(progress.doing), never);
      await Promise.race([running, sessions(db, 2)]);
      const processes = execFileSync('ps', ['-eo', 'args']).toString();
      expect(processes).toContain('pg_dump');
      expect(processes).not.toContain(new URL(db.source.ownerUrl).password);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await release();
      await running;
    });
    expect(told).toContain('dumping');
  });

  it('ends what a killed worker left running on the same backup, and nothing else', async () => {
    const { Client } = await import('pg');
    const open = async (backup: string) => {
      const application_name = backupSessionName(`${db.root}\n${backup}`);
      const client = new Client({ connectionString: db.source.ownerUrl, application_name });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    const orphan = await open('orphaned');
    const stranger = await open('another');
    await takeBackup(request('orphaned'), quiet, never);
    await expect(orphan.query('select 1')).rejects.toThrow();
    expect((await stranger.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await stranger.end();
  });

  it('takes less disk than was estimated', async () => {
    const { Client } = await import('pg');
    const client = new Client({ connectionString: db.source.ownerUrl });
    await client.connect();
    const [{ oid }] = (await db.source.query<{ oid: number }>(`select 'users'::regclass::oid as oid`)) as [
      { oid: number },
    ];
    const all = await estimateBackup(client, null);
    const some = await estimateBackup(client, [oid]);
    await client.end();
    const taken = await takeBackup(request('size'), quiet, never);
    expect(taken.bytes).toBeLessThan(all);
    expect(some).toBeLessThan(all);
  });

  it('of the schema alone gives the same bytes twice, without the schema rekey', async () => {
    const dump = () => schemaDump({ url: db.source.ownerUrl, serverVersion: db.serverVersion });
    const before = await dump();
    await db.source.query('create schema rekey; create table rekey.journal (id int)');
    const after = await dump();
    await db.source.query('drop schema rekey cascade');
    expect(before).toContain('CREATE TABLE public.users');
    expect(after).toBe(before);
  });

  it('of the schema fails loudly where no pg_dump fits', async () => {
    const without = schemaDump({ url: db.source.ownerUrl, serverVersion: 990000 });
    await expect(without).rejects.toMatchObject({ type: 'StepFailed', code: 'backup.no-pg-dump' });
  });
});

/** Waits until the backup's sessions are so many, or at least two. */
async function sessions(db: Fixture, wanted: 0 | 2): Promise<void> {
  for (let i = 0; ; i++) {
    const [{ n, waiting }] = (await db.source.query<{ n: number; waiting: number }>(
      `select count(*)::int4 as n, count(*) filter (where wait_event_type = 'Lock')::int4 as waiting from pg_stat_activity
       where application_name ~ '^rekey backup' and datname = current_database()`,
    )) as [{ n: number; waiting: number }];
    if (wanted === 0 ? n === 0 : n >= 2 && waiting > 0) return;
    if (i === 100) throw new Error(`${n} sessions of a backup, ${waiting} waiting`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
