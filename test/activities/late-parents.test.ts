import { connectionVariable } from '../../src/postgres/environment.js';
import { freshDatabase, type TestDatabase } from '../servers.js';
import { LocalRun } from './local-run.js';

const plan = `
version: 1
plan: late
accept:
  - { hazard: trigger-fires, on: trigger note_it on child, because: a note more does no harm }
  - { hazard: trigger-fires, on: trigger note_it on sc, because: a note more does no harm }
phases:
  - { phase: foundation, kind: foundation }
  - phase: pairs
    tables: [a, b, { table: ab, key: { surrogate: id, unique: uq_ab }, children: ab_id }]
  - phase: adopted
    tables: [p, { table: s, key: { adopt: p_id, as: id } }]
  - phase: logs
    tables: [people]
  - { phase: cleanup, kind: cleanup, redundant: [child.a_id, child.b_id] }
references:
  - { from: logs.person_id, to: people, orphans: refuse }
`;

const schema = `
create table a (a_id serial primary key, name text);
create table b (b_id serial primary key, name text);
create table ab (a_id integer references a, b_id integer references b, primary key (a_id, b_id));
create table child (child_id text primary key, a_id integer not null, b_id integer not null,
  foreign key (a_id, b_id) references ab deferrable initially deferred);
create table p (p_id serial primary key, name text);
create table s (s_id serial primary key, p_id integer not null unique references p);
create table sc (sc_id text primary key, s_id integer references s deferrable initially deferred);
create table people (id serial primary key, name text);
create table logs (log_id text primary key, person_id integer);
create table notes (note text);
create function note_it() returns trigger language plpgsql as $$ begin insert into notes values (tg_table_name || ' ' || tg_op); return null; end $$;
create trigger note_it after insert or update on child for each row execute function note_it();
create trigger note_it after insert or update on sc for each row execute function note_it();
insert into a (name) values ('a1'), ('a2');
insert into b (name) values ('b1'), ('b2');
insert into ab values (1, 1);
insert into child values ('c1', 1, 1);
insert into p (name) values ('p1'), ('p2'), ('p3');
insert into s (p_id) values (1);
insert into sc values ('sc1', 1);
insert into people (name) values ('ann'), ('bob');
insert into logs values ('l1', 1), ('l2', 2);
`;

/** References whose parents come later in their transaction, or are gone: nobody may lose them on the way. */
describe('A reference that comes before its parent', () => {
  let database: TestDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await freshDatabase();
    process.env[connectionVariable('late')] = database.ownerUrl;
    await database.query(schema);
    run = new LocalRun('late', plan);
    await run.forward('foundation');
  }, 60_000);

  afterAll(async () => {
    run.end();
    delete process.env[connectionVariable('late')];
    await database.drop();
  });

  const asApp = (sql: string, values: unknown[] = []) => database.query(sql, values, database.rwUrl);

  it('gets its surrogate as soon as the parent is there, whichever side it gave', async () => {
    await run.forward('pairs');
    await asApp(`with c as (insert into child (child_id, a_id, b_id) select 'c2', a.a_id, b.b_id from a, b where a.name = 'a2' and b.name = 'b2')
      insert into ab (a_id, b_id) select a.a_id, b.b_id from a, b where a.name = 'a2' and b.name = 'b2'`);
    expect(
      await database.query('select c.child_id from child c join ab on ab.id = c.ab_id order by 1'),
    ).toEqual([{ child_id: 'c1' }, { child_id: 'c2' }]);
  }, 60_000);

  it("is brought along by its parent with the application's triggers, which find their tables, whichever key the parent has", async () => {
    const noted = async () =>
      (await database.query(`select count(*)::int as n from notes where note = 'child UPDATE'`))[0]
        ?.n as number;
    const before = await noted();
    await asApp(`begin; insert into child (child_id, a_id, b_id) select 'c4', a.a_id, b.b_id from a, b where a.name = 'a2' and b.name = 'b1';
      insert into ab (a_id, b_id) select a.a_id, b.b_id from a, b where a.name = 'a2' and b.name = 'b1'; commit`);
    expect(
      await database.query(
        `select c.child_id from child c join ab on ab.id = c.ab_id where c.child_id = 'c4'`,
      ),
    ).toEqual([{ child_id: 'c4' }]);
    expect(await noted()).toBe(before + 1);
  }, 60_000);

  it('is refused where pair and surrogate refer to different rows', async () => {
    await expect(
      asApp(
        `insert into child (child_id, a_id, b_id, ab_id) select 'c3', x.a_id, x.b_id, y.id from ab x, ab y where x.id <> y.id limit 1`,
      ),
    ).rejects.toMatchObject({ code: '23503' });
  });

  it('gets its shadow where its parent adopts a key and comes later', async () => {
    await run.forward('adopted', 'map');
    await asApp(`with c as (insert into sc values ('sc2', 77)) insert into s (s_id, p_id) values (77, 2)`);
    await run.forward('adopted');
    expect(
      await database.query(
        'select sc.sc_id, p.name from sc join s on s.id = sc.s_id join p on p.p_id = s.id order by 1',
      ),
    ).toEqual([
      { sc_id: 'sc1', name: 'p1' },
      { sc_id: 'sc2', name: 'p2' },
    ]);
  }, 60_000);

  it('keeps its integer where its parent is gone, for the way back', async () => {
    await run.forward('logs');
    await asApp(`insert into logs (log_id, person_id) select 'l3', id from people where name = 'bob'`);
    await asApp(`delete from people where name = 'bob'`);
    await asApp(`insert into logs (log_id, person_id) select 'l4', rekey.new_key('people', 2)`);
    await run.back('logs');
    expect(await database.query('select log_id, person_id from logs order by 1')).toEqual([
      { log_id: 'l1', person_id: 1 },
      { log_id: 'l2', person_id: 2 },
      { log_id: 'l3', person_id: 2 },
      { log_id: 'l4', person_id: 2 },
    ]);
    await asApp(`delete from logs where person_id = 2`);
    await run.forward('logs');
  }, 60_000);

  it('is not lost in cleanup, which stops before its first drop where a legacy column is still used', async () => {
    // nothing brings this one along, so that cleanup has to
    await database.query(`alter table ab disable trigger "!rekey_pairs"`);
    await asApp(`begin; insert into child (child_id, a_id, b_id) select 'c5', a.a_id, b.b_id from a, b where a.name = 'a1' and b.name = 'b2';
      insert into ab (a_id, b_id) select a.a_id, b.b_id from a, b where a.name = 'a1' and b.name = 'b2'; commit`);
    await database.query(`alter table ab enable always trigger "!rekey_pairs"`);
    await database.query('create view old_people as select legacy_id from people');
    await expect(run.forward('cleanup')).rejects.toMatchObject({ code: 'legacy-column-in-use' });
    await database.query('drop view old_people');
    await run.forward('cleanup');
    expect(
      await database.query(
        'select c.child_id, a.name from child c join ab on ab.id = c.ab_id join a on a.a_id = ab.a_id order by 1',
      ),
    ).toEqual([
      { child_id: 'c1', name: 'a1' },
      { child_id: 'c2', name: 'a2' },
      { child_id: 'c4', name: 'a2' },
      { child_id: 'c5', name: 'a1' },
    ]);
  }, 60_000);
});
