import type { Client } from 'pg';
import { connectionVariable } from '../../src/postgres/environment.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { ensureRole, testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

const plan = (accept = '') => `version: 1
plan: writes
${accept}
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

const schema = `
create table people (id serial primary key, ref text not null unique, boss_id integer references people on delete set null);
create table cards (person_id integer primary key references people on update cascade on delete cascade, ref text);
create table posts (
  ref text primary key,
  cascaded integer references people on delete cascade,
  nulled integer references people on delete set null,
  fallen integer default 1 references people on delete set default,
  late integer references people on update cascade deferrable initially deferred);
insert into people (ref, boss_id) select 'p' || n, nullif(n / 4, 0) from generate_series(1, 20) n;
insert into cards select id, 'c' || id from people where id > 10;
insert into posts select 'x' || n, n, n, n, n from generate_series(1, 20) n;
`;

const version = testVersions()[0] as number;

describe(`Writes while a phase is under way, on PostgreSQL ${version}`, () => {
  let database: ConnectedDatabase;
  let app: Client;
  let run: LocalRun;

  const begin = async (sql = schema, yaml = plan()) => {
    database = await connectedDatabase(version);
    await database.sql(sql);
    app = await database.app();
    run = new LocalRun(database.connection, yaml);
    await run.forward('foundation');
  };

  afterEach(async () => {
    run.end();
    await database.drop();
  });

  /** by text: whom each reference of a post leads to */
  const post = async (ref: string) => {
    const who = (column: string) => `(select p.ref from people p where p.id = x.${column})`;
    const [row] = await database.sql(
      `select ${['cascaded', 'nulled', 'fallen', 'late'].map((c) => `${who(c)} as ${c}`).join(', ')} from posts x where ref = $1`,
      [ref],
    );
    return row ?? null;
  };

  it('need no rights in schema rekey, and rows of loaders under replica role are filled as well', async () => {
    await begin();
    await run.forward('main', 'addColumns');
    await app.query(`insert into people (ref) values ('by the app')`);
    await database.superuser(
      `set session_replication_role = replica; insert into people (id, ref, boss_id) values (500, 'by a loader', 3)`,
    );
    const shadows = async () =>
      database.sql(
        `select ref, uuid_id is not null as key, boss_id_uuid is not null as boss from people where ref like 'by %' order by ref`,
      );
    expect(await shadows()).toEqual([
      { ref: 'by a loader', key: true, boss: true },
      { ref: 'by the app', key: true, boss: false },
    ]);
    await expect(app.query('select * from rekey.journal')).rejects.toMatchObject({ code: '42501' });

    await run.forward('main');
    await app.query(
      `insert into people (ref, boss_id) select 'by the app again', id from people where ref = 'by a loader'`,
    );
    await database.superuser(
      `set session_replication_role = replica; insert into people (ref, boss_id) select 'by a loader again', id from people where ref = 'p7'`,
    );
    await run.back('main');
    expect(
      await database.sql(
        `select p.ref, b.ref as boss, p.id > 20 as numbered from people p left join people b on b.id = p.boss_id where p.ref like 'by % again' order by 1`,
      ),
    ).toEqual([
      { ref: 'by a loader again', boss: 'p7', numbered: true },
      { ref: 'by the app again', boss: 'by a loader', numbered: true },
    ]);
  }, 120_000);

  it('set referential actions off on both foreign keys at once, and both columns end the same', async () => {
    await begin();
    await run.forward('main', 'buildTwins');
    await app.query(`delete from people where ref = 'p12'`);
    await app.query(`update people set boss_id = null where ref = 'p9'`);
    await app.query(`update posts set cascaded = null where ref = 'x13'`);
    await app.query(`update posts set late = null where ref in ('x13', 'x14')`);
    await app.query(`delete from people where ref = 'p13'`);
    expect(await post('x12')).toBeNull();
    expect(await post('x13')).toEqual({ cascaded: null, nulled: null, fallen: 'p1', late: null });
    const apart = `select count(*)::int as n from posts x left join people p on p.id = x.nulled left join people f on f.id = x.fallen
      where x.nulled_uuid is distinct from p.uuid_id or x.fallen_uuid is distinct from f.uuid_id`;
    expect(await database.sql(apart)).toEqual([{ n: 0 }]);
    await run.forward('main');
    await app.query(`update posts set cascaded = null, late = null where ref = 'x15'`);
    await app.query(`delete from people where ref = 'p15'`);
    expect(await post('x15')).toEqual({ cascaded: null, nulled: null, fallen: 'p1', late: null });
    await run.back('main');
    expect(await post('x15')).toEqual({ cascaded: null, nulled: null, fallen: 'p1', late: null });
  }, 120_000);

  it('are refused or cascade as before where two foreign keys disagree on a delete', async () => {
    await begin(`create table people (id serial primary key, ref text not null unique);
      create table pairs (ref text primary key, z_keeper integer references people, a_owner integer references people on delete cascade);
      insert into people (ref) select 'p' || n from generate_series(1, 4) n; insert into pairs values ('one', 2, 2)`);
    const remove = () => app.query(`delete from people where ref = 'p2'`);
    await expect(remove()).rejects.toMatchObject({ code: '23503' });
    await run.forward('main');
    await expect(remove()).rejects.toMatchObject({ code: '23503' });
    await run.back('main');
    await expect(remove()).rejects.toMatchObject({ code: '23503' });
  }, 120_000);

  it('are refused after the cutover where they give a legacy reference without its UUID', async () => {
    await begin();
    await run.forward('main');
    const refused = /rekey: legacy_nulled of posts was given without its UUID/;
    await expect(app.query(`insert into posts (ref, legacy_nulled) values ('old', 3)`)).rejects.toThrow(
      refused,
    );
    await expect(app.query(`update posts set legacy_nulled = 4 where ref = 'x5'`)).rejects.toMatchObject({
      code: '23000',
      hint: expect.stringContaining(`rekey.new_key('people'`),
    });
    // by position, as a client that does not know of the change: the text is no UUID, or the reference is refused
    await expect(app.query(`insert into people values (5001, 'by position', 3)`)).rejects.toThrow(
      /rekey: legacy_boss_id of people/,
    );
    await app.query(`update posts set nulled = (select rekey.new_key('people', 4)) where ref = 'x5'`);
    expect((await post('x5'))?.nulled).toBe('p4');
  }, 120_000);

  it('are refused so while cleanup drops, too, until their table has lost its legacy columns', async () => {
    const locks = 'locks: { stall: 50ms, tries: 1, within: 1s }';
    await begin(schema, `${plan(locks)}  - { phase: cleanup, kind: cleanup }\n`);
    await run.forward('main');
    const reader = await database.app();
    await reader.query('begin; select from posts limit 1');
    await expect(run.forward('cleanup')).rejects.toThrow(/posts/);
    // its function is cleanup's by then
    const closing = `select object from rekey.journal where phase = 'cleanup' and object = 'sync function of posts'`;
    expect(await database.sql(closing)).toHaveLength(1);
    const refused = /rekey: legacy_nulled of posts was given without its UUID/;
    await expect(app.query(`insert into posts (ref, legacy_nulled) values ('old', 3)`)).rejects.toThrow(
      refused,
    );
    await expect(app.query(`update posts set legacy_nulled = 4 where ref = 'x5'`)).rejects.toThrow(refused);
    await app.query(`insert into posts (ref, nulled) select 'new', id from people where ref = 'p3'`);
    await app.query(`update posts set legacy_nulled = 3 where ref = 'new'`);
    await app.query(`update posts set nulled = null, legacy_nulled = null where ref = 'x6'`);
    await reader.query('commit');
    await run.forward('cleanup');
    expect([await post('new'), await post('x6'), await post('x5')]).toMatchObject([
      { nulled: 'p3' },
      { nulled: null },
      { nulled: 'p5' },
    ]);
  }, 120_000);

  it('may bring a parent after its child in one transaction, and the way back finds the integer', async () => {
    await begin();
    await run.forward('main');
    const key = '11111111-1111-4111-8111-111111111111';
    await app.query(
      `begin; insert into posts (ref, late) values ('child', '${key}'); insert into people (id, ref) values ('${key}', 'parent'); commit`,
    );
    expect(await database.sql(`select legacy_late from posts where ref = 'child'`)).toEqual([
      { legacy_late: null },
    ]);
    await run.back('main');
    expect((await post('child'))?.late).toBe('parent');
  }, 120_000);

  it('may change a key, before and after the cutover, and what refers to it follows', async () => {
    await begin();
    await run.forward('main', 'buildTwins');
    const free = `update posts set cascaded = null, nulled = null, fallen = null where ref in ('x17', 'x18')`;
    await app.query(free);
    await app.query(`update people set id = 1700 where ref = 'p17'`);
    await run.forward('main');
    expect((await post('x17'))?.late).toBe('p17');
    await app.query(`update people set id = '22222222-2222-4222-8222-222222222222' where ref = 'p18'`);
    expect((await post('x18'))?.late).toBe('p18');
    await run.back('main');
    expect((await post('x17'))?.late).toBe('p17');
    expect((await post('x18'))?.late).toBe('p18');
    expect(
      await database.sql(
        `select c.ref, p.ref as of from cards c join people p on p.id = c.person_id where c.ref in ('c17', 'c18') order by 1`,
      ),
    ).toEqual([
      { ref: 'c17', of: 'p17' },
      { ref: 'c18', of: 'p18' },
    ]);
    expect(await database.sql(`select id from people where ref = 'p18'`)).toEqual([{ id: 18 }]);
  }, 120_000);

  const stamped = `create table people (id serial primary key, ref text not null, touched integer not null default 0);
    create function touch() returns trigger language plpgsql as $$ begin new.touched := old.touched + 1; return new; end $$;
    create trigger touch before update on people for each row execute function touch();
    insert into people (ref) select 'p' || n from generate_series(1, 10) n;`;
  const touched = async () => database.sql('select sum(touched)::int as n from people');

  it("are told apart from the backfill: the application's own triggers are a hazard where Rekey can't keep them from firing", async () => {
    await begin(stamped);
    await expect(run.forward('main', 'preflight')).rejects.toThrow(
      /trigger-fires on trigger touch on people/,
    );
    run.end();
    const accept =
      'accept: [{ hazard: trigger-fires, on: trigger touch on people, because: a counter may count }]';
    run = new LocalRun(database.connection, plan(accept));
    await run.forward('main', 'map').catch(() => undefined);
  }, 120_000);

  if (version >= 15) {
    it("leave the application's own triggers alone in the backfill where Rekey's role may set session_replication_role", async () => {
      await begin(stamped);
      run.end();
      await ensureRole(version, 'rekey_replica');
      await database.superuser(
        `grant set on parameter session_replication_role to rekey_replica; grant pg_read_all_stats to rekey_replica;
         grant rekey_owner to rekey_replica`,
      );
      process.env[connectionVariable('replica-role')] = database.url('rekey_replica');
      run = new LocalRun('replica-role', plan());
      await run.forward('main');
      expect(await touched()).toEqual([{ n: 0 }]);
      await run.back('main');
      expect(await touched()).toEqual([{ n: 0 }]);
      await app.query(`update people set ref = 'changed' where ref = 'p3'`);
      expect(await touched()).toEqual([{ n: 1 }]);
      delete process.env[connectionVariable('replica-role')];
    }, 120_000);
  }
});
