import { openSession } from '../../src/postgres/connect.js';
import { type Fingerprint, fingerprintDifference, readFingerprint } from '../../src/postgres/fingerprint.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

describe.each([18, 15])('the fingerprint on PostgreSQL %i', (version) => {
  let database: ConnectedDatabase;
  let session: Session;
  let oids: number[];
  let before: Fingerprint;
  const read = () => readFingerprint(session, oids);

  beforeAll(async () => {
    database = await connectedDatabase(version);
    session = await openSession(database.connection, 'test');
    for (const text of [
      'create table public."user" (id integer primary key, name text not null default \'x\', "e.mail" text)',
      'create table public.post (id integer primary key, user_id integer references public."user", check (id > 0))',
      'create view public.names as select id, name from public."user"',
      'create view public.names_again as select * from public.names',
      'create table public.unrelated (id integer)',
    ])
      await database.sql(text);
    const rows = await database.sql(
      `select oid from pg_class where relname in ('user', 'post') order by relname`,
    );
    oids = rows.map((row) => Number(row.oid));
  });
  beforeEach(async () => {
    before = await read();
  });
  afterAll(async () => {
    await session.close();
    await database.drop();
  });

  test('stays the same while nothing changes, whatever happens to rows and other tables', async () => {
    await database.sql(`insert into public."user" values (1, 'a')`);
    await database.sql('alter table public.unrelated add column more text');
    await database.sql('analyze');
    expect((await read()).hash).toBe(before.hash);
  });

  test('is read in a few milliseconds', async () => {
    const started = process.hrtime.bigint();
    await read();
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(200);
  });

  const changes: [string, string, string][] = [
    ['a new column', 'alter table public.post add column more text', 'column more on post'],
    ['a new type', 'alter table public.post alter column more type varchar(9)', 'column more on post'],
    ['a new default', `alter table public.post alter column more set default 'y'`, 'column more on post'],
    ['a grant on a column', 'grant select (id) on public.post to app_ro', 'column id on post'],
    ['a comment', `comment on column public."user"."e.mail" is 'say'`, 'column e.mail on user'],
    ['a new index', 'create index post_more on public.post (more)', 'index post_more'],
    [
      'a new check',
      'alter table public.post add constraint few check (id < 1000) not valid',
      'constraint few on post',
    ],
    ['its validation', 'alter table public.post validate constraint few', 'constraint few on post'],
    [
      'a new child table that refers to it',
      'create table public.reply (user_id integer constraint back references public."user")',
      'constraint back on reply',
    ],
    [
      'a trigger',
      'create trigger same before update on public.post for each row execute function suppress_redundant_updates_trigger()',
      'trigger same on post',
    ],
    [
      'a trigger that is switched off',
      'alter table public.post disable trigger same',
      'trigger same on post',
    ],
    ['row security', 'alter table public.post enable row level security', 'table post'],
    ['a policy', 'create policy mine on public.post using (user_id = 1)', 'policy mine on post'],
    ['a rule', 'create rule nothing as on delete to public.post do instead nothing', 'rule nothing on post'],
    ['a view on a view', 'create view public.third as select * from public.names_again', 'view third'],
    ['options of a view', 'alter view public.names_again set (security_barrier = true)', 'view names_again'],
    [
      'extended statistics',
      'create statistics public.both_columns on id, user_id from public.post',
      'statistics both_columns',
    ],
    [
      'a function with a body in SQL',
      'create function public.how_many() returns bigint begin atomic select count(*) from public.post; end',
      'function () on how_many',
    ],
    ['another name of a table', 'alter table public.post rename to posts', 'table posts'],
  ];
  test.each(changes)('sees %s', async (_, change, name) => {
    await database.sql(change);
    const after = await read();
    expect(after.hash).not.toBe(before.hash);
    const difference = fingerprintDifference(before.lines, after.lines);
    expect([...(difference?.appeared ?? []), ...(difference?.changed ?? [])]).toContain(name);
  });

  test('sees a publication, and a partition', async () => {
    await database.superuser('create publication outside for table public."user"');
    const after = await read();
    expect(fingerprintDifference(before.lines, after.lines)?.appeared).toEqual([
      'publication outside on user',
    ]);
    await database.sql('create table public.heir () inherits (public."user")');
    expect(fingerprintDifference(after.lines, (await read()).lines)?.appeared).toContain(
      'child public.heir on user',
    );
  });

  test('sees a publication of a whole schema', async () => {
    await database.superuser('create publication everything for tables in schema public');
    const { appeared } = fingerprintDifference(before.lines, (await read()).lines) ?? {};
    expect(appeared).toEqual(['publication everything on posts', 'publication everything on user']);
    await database.superuser('drop publication everything');
  });

  test('leaves out what Rekey itself has made', async () => {
    await database.sql('alter table public."user" add column uuid_id uuid');
    await database.sql('create unique index user_uuid on public."user" (uuid_id)');
    const own = {
      columns: [{ schema: 'public', table: 'user', column: 'uuid_id' }],
      indexes: [{ schema: 'public', index: 'user_uuid' }],
    };
    expect((await readFingerprint(session, oids, own)).hash).toBe(before.hash);
    expect(fingerprintDifference(before.lines, before.lines)).toBeNull();
  });
});
