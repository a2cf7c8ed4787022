import { type BackupRequest, takeBackup } from '../../src/backup/dump.js';
import { findTools } from '../../src/backup/find-tools.js';
import { restoreBackup } from '../../src/backup/restore.js';
import { schemaDump } from '../../src/backup/schema-dump.js';
import { testVersions } from '../servers.js';
import { digest, type Fixture, makeFixture, never, quiet } from './fixture.js';

describe.each(testVersions())('a restore into PostgreSQL %i', (version) => {
  let db: Fixture;
  let before: unknown;
  beforeAll(async () => {
    db = await makeFixture(version);
    before = await db.source.query(digest);
  });
  afterAll(() => db?.end());

  const take = async (name: string, more: Partial<BackupRequest> = {}) =>
    (
      await takeBackup(
        { url: db.source.ownerUrl, what: { scope: 'full' }, root: db.root, name, parallel: 2, ...more },
        quiet,
        never,
      )
    ).directory;

  it('gives back every row and the same schema, as the role that is no superuser', async () => {
    const directory = await take('full');
    const target = await db.target();
    const restored = await restoreBackup({ directory, targetUrl: target.ownerUrl, owners: 'leave-out' });
    expect(restored).toMatchObject({ tables: 6, rows: 2708 });
    expect(await target.query(digest)).toEqual(before);
    const dump = (url: string) => schemaDump({ url, serverVersion: db.serverVersion });
    expect(withoutGrants(await dump(target.ownerUrl))).toBe(withoutGrants(await dump(db.source.ownerUrl)));
  });

  it('keeps owners and grants for a role that may set them', async () => {
    const directory = await take('full');
    const target = await db.target();
    await restoreBackup({ directory, targetUrl: target.superuserUrl });
    const [owner] = await target.query(`select tableowner::text from pg_tables where tablename = 'users'`);
    expect(owner).toEqual({ tableowner: 'rekey_owner' });
    expect(await target.query('select 1 as one from users limit 1', [], target.roUrl)).toEqual([{ one: 1 }]);
  });

  it('of one table brings the whole schema, its rows alone, and says which foreign keys had to stay behind', async () => {
    const directory = await take('full');
    const target = await db.target();
    const restored = await restoreBackup({
      directory,
      targetUrl: target.ownerUrl,
      owners: 'leave-out',
      tables: ['events'],
    });
    expect(restored).toMatchObject({ tables: 2, rows: 400 });
    expect(restored.leftOut.join('\n')).toContain('events_user_id_fkey');
    const rows = await target.query(
      'select (select count(*)::int4 from events) as events, (select count(*)::int4 from users) as users',
    );
    expect(rows).toEqual([{ events: 400, users: 0 }]);
  });

  it('of a backup of some tables works in an empty database on its own', async () => {
    const directory = await take('some', { what: { scope: 'tables', tables: ['users', 'lobs'] } });
    const target = await db.target();
    const restored = await restoreBackup({ directory, targetUrl: target.ownerUrl, owners: 'leave-out' });
    expect(restored).toMatchObject({ tables: 2, rows: 2008 });
    const keys = await target.query<{ name: string }>(
      `select conname::text as name from pg_constraint where contype = 'f' and conrelid in ('users'::regclass, 'lobs'::regclass)`,
    );
    expect(keys).toHaveLength(3);
  });

  it('of COPY files fills tables that are there, cycles included, and fires no trigger of theirs', async () => {
    const directory = await take('copied', { tools: null });
    const schema = await take('full');
    const target = await db.target();
    const into = { directory, targetUrl: target.ownerUrl };
    await expect(restoreBackup(into)).rejects.toMatchObject({ code: 'restore.no-schema' });
    await restoreBackup({ directory: schema, targetUrl: target.ownerUrl, owners: 'leave-out' });
    await expect(restoreBackup(into)).rejects.toMatchObject({ code: 'restore.not-empty' });
    await target.query('truncate lobs, users, events, nothing, "Old Data"."Order" restart identity');
    const dump = () => schemaDump({ url: target.ownerUrl, serverVersion: db.serverVersion });
    const shape = await dump();
    await restoreBackup(into);
    expect(await target.query(digest)).toEqual(before);
    expect(await dump()).toBe(shape);
    const [next] = await target.query(`insert into users (note) values ('new') returning user_id`);
    expect(next).toEqual({ user_id: 2004 });
  });

  it('is refused into a database that is not empty, and into the one that the backup was taken of', async () => {
    const directory = await take('full');
    await expect(restoreBackup({ directory, targetUrl: db.source.ownerUrl })).rejects.toMatchObject({
      code: 'restore.same-database',
    });
    const target = await db.target();
    await target.query('create table mine (id int)');
    await expect(restoreBackup({ directory, targetUrl: target.ownerUrl })).rejects.toMatchObject({
      code: 'restore.not-empty',
    });
    expect(await target.query('select count(*)::int4 as n from mine')).toEqual([{ n: 0 }]);
    // what a restore that failed has left behind
    await target.query('drop table mine; create schema left_behind');
    await expect(restoreBackup({ directory, targetUrl: target.ownerUrl })).rejects.toMatchObject({
      code: 'restore.not-empty',
      message: expect.stringContaining('it has schemas, tables, views or sequences (1)'),
    });
  });

  it('of a table that the backup does not have names those that it has', async () => {
    const directory = await take('full');
    const target = await db.target();
    await expect(
      restoreBackup({ directory, targetUrl: target.ownerUrl, tables: ['userz'] }),
    ).rejects.toMatchObject({ code: 'restore.no-table', remedy: expect.stringContaining('users') });
  });

  it('of something that is no backup is refused', async () => {
    const target = await db.target();
    await expect(restoreBackup({ directory: '/nowhere', targetUrl: target.ownerUrl })).rejects.toMatchObject({
      code: 'backup.none',
    });
  });

  it('by a newer pg_restore than the server passes over the one setting that the server does not know', async () => {
    const newest = await findTools(180000);
    if (newest === null) throw new Error('this test needs pg_dump 18: set REKEY_PG_BIN');
    const directory = await take('by 18', { tools: newest });
    const target = await db.target();
    const restored = await restoreBackup({ directory, targetUrl: target.ownerUrl, owners: 'leave-out' });
    expect(restored.rows).toBe(2708);
  });
});

/** Grants and default privileges are left out with the owners. */
function withoutGrants(dump: string): string {
  return dump
    .split('\n')
    .filter(
      (line) => !/^(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|-- Name: .*Type: (DEFAULT )?ACL|--|$)/.test(line),
    )
    .join('\n');
}
