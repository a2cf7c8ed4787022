import { Client } from 'pg';
import { judge } from '../../src/checks/acceptance.js';
import { server } from '../../src/checks/hazards/server.js';
import { measureProbe } from '../../src/checks/probes.js';
import { openSession } from '../../src/postgres/connect.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { ensureRole } from '../servers.js';
import { Scene, shopPlan } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const plan = (lines: string) => `${shopPlan.replace('phases:', `${lines}\nphases:`)}`;
const hazard = async (name: string, text = shopPlan) =>
  (await scene.judged(text)).unhandled.filter((h) => h.hazard === name);

test('a database without anything special has no hazard', async () => {
  expect(await scene.stops()).toEqual([]);
});

describe('words and objects that are not carried over yet', () => {
  test.each([
    [
      'definitions',
      plan('definitions: [{ object: policy own on orders, using: "true" }]'),
      'policy own on orders',
    ],
    [
      'a reference by a path',
      plan('references: [{ from: notes.body, path: person, to: people }]'),
      'notes.body',
    ],
    [
      'a reference of array elements',
      plan('references: [{ from: notes.ids, each: element, to: people }]'),
      'notes.ids',
    ],
    [
      'a polymorphic reference',
      plan('references: [{ from: notes.about, by: kind, to: { person: people, order: orders } }]'),
      'notes.about',
    ],
    ['the strategy copy', plan('map: { strategy: copy }'), 'people'],
    ['a rehearsal', plan('rehearsal: { on: beside, sample: 10 }'), 'main'],
    [
      'the key source stored',
      shopPlan.replace('[people, orders]', '[{ table: people, key: { stored: gid } }, orders]'),
      'people',
    ],
  ])('%s stops the phase with its name', async (_, text, on) => {
    await scene.db.sql(`alter table people add gid uuid not null unique default gen_random_uuid();
      create table notes (body jsonb, ids integer[], about integer, kind text)`);
    expect(await scene.stops(text)).toContain(`not-carried-over-yet ${on}`);
  });

  test.each([
    ['a view', 'create view named as select id, name from people', 'view named'],
    ['a policy', 'create policy own on orders using (person_id = 1)', 'policy own on orders'],
    [
      'a partitioned table',
      'create table parts (person_id integer references people) partition by list (person_id)',
      'parts',
    ],
    ['a table with inheritance', 'create table vip () inherits (people)', 'people'],
    [
      'a materialized view',
      'create materialized view kept as select id, name from people',
      'materialized view kept',
    ],
    [
      'a view on a view',
      'create view one as select person_id from orders; create view two as select person_id from one',
      'view one',
    ],
    [
      'a rule',
      'create rule quiet as on delete to orders where old.id < 0 do instead nothing',
      'rule quiet on orders',
    ],
    [
      'a trigger for named columns',
      `create function touch() returns trigger language plpgsql as 'begin return new; end';
       create trigger named before update of person_id on orders for each row execute function touch()`,
      'trigger named on orders',
    ],
    [
      'a trigger with a WHEN',
      `create function touch() returns trigger language plpgsql as 'begin return new; end';
       create trigger picky after update on orders for each row when (new.person_id > 5) execute function touch()`,
      'trigger picky on orders',
    ],
    [
      'a function with a body in SQL',
      'create function many() returns bigint begin atomic select count(person_id) from orders; end',
      'function many()',
    ],
    [
      'a function that gives rows of the table',
      `create function all_of_them() returns setof people language plpgsql as 'begin end'`,
      'function all_of_them()',
    ],
    [
      'an exclusion constraint',
      'alter table orders add constraint apart exclude using btree (person_id with =, no with =)',
      'exclusion constraint apart on orders',
    ],
    [
      'a generated column',
      'alter table orders add twice integer generated always as (person_id * 2) stored',
      'generated column orders.twice',
    ],
  ])('%s stops the phase, and no accept lifts it', async (_, sql, on) => {
    await scene.db.sql(sql);
    const text = plan(`accept: [{ hazard: not-carried-over-yet, on: "${on}", because: no, phase: main }]`);
    expect(await scene.stops(text)).toContain(`not-carried-over-yet ${on}`);
  });
});

test('FORCE ROW LEVEL SECURITY on a member stops the phase', async () => {
  await scene.db.sql('alter table orders force row level security');
  expect(await scene.stops()).toEqual(['forced-row-security orders']);
});

test('and does so where it hides rows indeed: what Rekey may not see is not asked for', async () => {
  await scene.db.sql(`create policy own on orders using (noted_by = 1);
    alter table orders enable row level security; alter table orders force row level security`);
  expect(await scene.stops()).toEqual(['forced-row-security orders']);
});

test.each([
  ['over one table', 'create publication lake for table orders'],
  ['for all tables', 'create publication lake for all tables'],
  ['for all tables in a schema', 'create publication lake for tables in schema public'],
])('a publication %s stops the phase', async (_, sql) => {
  await scene.db.superuser(sql);
  expect(await scene.stops()).toEqual(['publication publication lake']);
});

test('a publication over other tables does not', async () => {
  await scene.db.superuser(
    'create table apart (id integer primary key); create publication lake for table apart',
  );
  expect(await scene.stops()).toEqual([]);
});

test('a logical slot of this database stops the phase', async () => {
  const slot = `checks_${process.pid}`;
  await scene.db.superuser(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  try {
    expect(await scene.stops()).toEqual([`logical-slot slot ${slot}`]);
  } finally {
    await scene.db.superuser(`select pg_drop_replication_slot('${slot}')`);
  }
});

test('a prepared transaction of this database stops the phase', async () => {
  const gid = `checks ${process.pid}`;
  await scene.db.sql(`begin; update people set name = name where id = 1`);
  await scene.db.sql(`prepare transaction '${gid}'`);
  try {
    expect(await scene.stops()).toEqual([`prepared-transaction prepared transaction ${gid}`]);
  } finally {
    await scene.db.sql(`rollback prepared '${gid}'`);
  }
});

test('too few lock slots stop the phase', async () => {
  const context = await scene.look();
  const many = Array.from({ length: 10_000 }, (_, i) => `table_${i}`);
  const statements = { ...context.statements, lockTables: many };
  const { locks } = await import('../../src/checks/hazards/locks.js');
  expect(await locks(context)).toEqual([]);
  expect(await locks({ ...context, statements })).toMatchObject([
    { hazard: 'too-few-lock-slots', rank: 'stop', on: 'max_locks_per_transaction' },
  ]);
});

describe('triggers of the application', () => {
  const body = `create function touch() returns trigger language plpgsql as 'begin return new; end';`;

  test('one that sorts after the sync trigger stops the phase', async () => {
    await scene.db.sql(
      `${body} create trigger "~z" before insert on orders for each row execute function touch()`,
    );
    expect(await scene.stops()).toEqual(['trigger-order trigger ~z on orders']);
  });

  test('one that the backfill would fire is to be accepted by its name', async () => {
    await scene.db.sql(
      `${body} create trigger touched before update on orders for each row execute function touch()`,
    );
    expect(await scene.stops()).toEqual(['trigger-fires trigger touched on orders']);
    const text = plan(
      'accept: [{ hazard: trigger-fires, on: trigger touched on orders, because: harmless }]',
    );
    const judged = await scene.judged(text);
    expect(judged.unhandled).toEqual([]);
    expect(judged.accepted).toMatchObject([{ on: 'trigger touched on orders', because: 'harmless' }]);
  });

  test('where the role may switch triggers off, only one that fires under replica role counts', async () => {
    await ensureRole(18, 'checks_quiet');
    await scene.db.superuser(`grant set on parameter session_replication_role to checks_quiet;
      grant rekey_owner, pg_read_all_stats to checks_quiet`);
    await scene.db.sql(`${body} create trigger touched before update on orders for each row execute function touch();
      create trigger always before update on people for each row execute function touch();
      alter table people enable always trigger always`);
    process.env[connectionVariable('checks-quiet')] = scene.db.url('checks_quiet');
    const quiet = await openSession('checks-quiet', 'test');
    try {
      const { triggers } = await import('../../src/checks/hazards/triggers.js');
      const found = await triggers({ ...(await scene.look()), database: quiet });
      expect(found.map((h) => h.on)).toEqual(['trigger always on people']);
    } finally {
      await quiet.close();
      delete process.env[connectionVariable('checks-quiet')];
    }
  });

  test('one for named columns alone, or a disabled one, is not fired', async () => {
    await scene.db.sql(`${body} create trigger named before update of noted_by on orders for each row execute function touch();
      create trigger off before update on people for each row execute function touch();
      alter table people disable trigger off`);
    expect((await scene.stops()).filter((s) => s.startsWith('trigger-fires'))).toEqual([]);
  });
});

describe('shape and unique twins', () => {
  test('a function that reads or writes by position makes the column order a hazard to accept', async () => {
    await scene.db.sql(`create function all_people() returns bigint language plpgsql as
      'declare r record; begin for r in select * from people loop end loop; return 1; end'`);
    expect(await scene.stops()).toEqual(['column-order people']);
    expect(
      await scene.stops(plan('accept: [{ hazard: column-order, on: people, because: checked }]')),
    ).toEqual([]);
    expect((await scene.judged()).notes.map((h) => `${h.hazard} ${h.on}`)).toContain('column-order orders');
  });

  test.each([
    ['insert into people values (1)', true],
    ['insert into archive select * from people', true],
    ['insert into public.people as p (select 1)', true],
    ['insert into people overriding system value values (1)', true],
    ['insert into "people" with one as (select 1) table one', true],
    ['copy people from stdin', true],
    ['insert into people (name) values (1)', false],
    ['insert into people as p (name) select 1', false],
    ['insert into people(name) overriding user value values (1)', false],
    ['copy people (name) from stdin', false],
    ['select count(*), p.name from people p group by 2', false],
  ])('%s: that it counts on the order of columns is %s', async (statement, is) => {
    await scene.db.sql(
      `create function some_statement() returns void language plpgsql as $f$ begin execute '${statement}'; end $f$`,
    );
    expect(await scene.stops()).toEqual(is ? ['column-order people'] : []);
  });

  test('a deferrable unique constraint is to be accepted', async () => {
    await scene.db.sql(
      'alter table orders drop constraint orders_once, add constraint orders_once unique (person_id, no) deferrable',
    );
    expect(await scene.stops()).toEqual(['deferrable-unique orders.orders_once']);
  });

  test('an upsert beside a unique twin is to be accepted where one is seen, else noted', async () => {
    expect((await scene.judged()).notes.map((h) => `${h.hazard} ${h.on}`)).toContain(
      'unique-twin-upsert orders',
    );
    await scene.db.sql(`create function put() returns void language plpgsql as
      'begin insert into orders (person_id, no) values (1, 1) on conflict (person_id, no) do nothing; end'`);
    expect(await scene.stops()).toEqual(['unique-twin-upsert orders']);
  });
});

describe('statements that pg_stat_statements has seen', () => {
  beforeEach(async () => {
    await scene.db.superuser('create extension pg_stat_statements');
    // what set the scene is not what is looked for
    await scene.db.superuser(
      `select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)`,
    );
  });

  test('those that count on positions, and upserts, are to be accepted', async () => {
    const app = await scene.db.app();
    await app.query('select * from people where id = 3');
    await app.query('insert into orders values (5000, 1, 5000, 1)');
    await app.query(
      'insert into orders (id, person_id, no) values (5001, 1, 1) on conflict (person_id, no) do nothing',
    );
    expect(await scene.stops()).toEqual([
      'column-order orders',
      'column-order people',
      'unique-twin-upsert orders',
    ]);
  });

  test("those that name their columns are none, and neither are the plan's own probes", async () => {
    const app = await scene.db.app();
    await app.query('select id, name from people where id = 3');
    await app.query('insert into orders (id, person_id, no) values (5000, 1, 5000)');
    await measureProbe(scene.session, {
      probe: 'a person',
      sql: 'select * from people where id = $1',
      with: 'select 1',
    });
    const text = `${shopPlan}    probes: [{ probe: a person, sql: "select * from people where id = $1", with: "select 1" }]\n`;
    expect(await scene.stops(text)).toEqual([]);
  });
});

describe('rows', () => {
  test('orphans under a foreign key that says it is valid are counted, with examples', async () => {
    await scene.db.superuser(`set session_replication_role = replica; delete from people where id = 200`);
    expect(await hazard('orphans')).toMatchObject([{ on: 'orders.person_id', count: 5 }]);
    expect(scene.findings).toContainEqual({
      check: 'orphans',
      on: 'orders.person_id',
      count: 5,
      example: { id: '199' },
    });
  });

  test('orphans under a foreign key that is NOT VALID are counted', async () => {
    await scene.db.sql(`update orders set noted_by = 999 where id < 4;
      alter table orders add foreign key (noted_by) references people not valid`);
    expect(await hazard('orphans')).toMatchObject([{ on: 'orders.noted_by', count: 3 }]);
  });

  test('orphans under a reference that only the plan declares are counted', async () => {
    await scene.db.sql(`update orders set noted_by = 999 where id = 7`);
    const text = plan('references: [{ from: orders.noted_by, to: people }]');
    expect(await hazard('orphans', text)).toMatchObject([{ on: 'orders.noted_by', count: 1 }]);
  });

  test('an adopted reference with nulls or doubles stops the phase', async () => {
    await scene.db.sql(
      'create table badges (id serial primary key, person_id integer references people); insert into badges (person_id) values (1), (1), (null)',
    );
    const text = shopPlan.replace('orders]', 'orders, { table: badges, key: { adopt: person_id, as: id } }]');
    expect(await scene.stops(text)).toEqual([
      'adopted-null badges.person_id',
      'adopted-not-unique badges.person_id',
    ]);
  });

  test('a sequence with little room left is to be accepted, one at its end stops the phase', async () => {
    await scene.db.sql(`select setval('people_id_seq', 2000000000)`);
    expect(await scene.stops()).toEqual(['sequence-nearly-full people.id']);
    await scene.db.sql(`select setval('people_id_seq', 2147483647)`);
    expect(await scene.stops()).toEqual(['sequence-at-end people.id']);
  });

  test('a key without a sequence whose type is used up stops the phase', async () => {
    await scene.db.sql('create table tiny (id smallint primary key); insert into tiny values (32767)');
    expect(await scene.stops(shopPlan.replace('orders]', 'orders, tiny]'))).toEqual([
      'sequence-at-end tiny.id',
    ]);
  });

  test('a bigint key is used up at its last value, to the last digit', async () => {
    await scene.db.sql(
      'create table big (id bigint primary key); insert into big values (9223372036854775807)',
    );
    const text = shopPlan.replace('orders]', 'orders, big]');
    const found = await hazard('sequence-at-end', text);
    expect(found.map((h) => h.on)).toEqual(['big.id']);
    expect(found[0]?.message).toContain('its highest key is 9223372036854775807 of 9223372036854775807');
    await scene.db.sql('update big set id = 9223372036854775806');
    expect(await scene.stops(text)).toEqual(['sequence-nearly-full big.id']);
  });

  test('an integer key that no phase moves is a note', async () => {
    await scene.db.sql('create table apart (id bigint primary key)');
    expect((await scene.judged()).notes.map((h) => `${h.hazard} ${h.on}`)).toContain(
      'key-in-no-phase apart.id',
    );
  });
});

describe('names', () => {
  test('a column that has the name of a shadow stops the phase', async () => {
    await scene.db.sql('alter table orders add uuid_id text');
    expect(await scene.stops()).toEqual(['name-taken orders.uuid_id']);
  });
});

describe('the role and the server', () => {
  test('each missing privilege is named with its remedy', async () => {
    await ensureRole(18, 'checks_poor');
    await scene.db.sql('grant connect on database postgres to public').catch(() => undefined);
    await scene.db.superuser(
      'grant usage on schema public to checks_poor; grant select on all tables in schema public to checks_poor',
    );
    process.env[connectionVariable('checks-poor')] = scene.db.url('checks_poor');
    const poor = await openSession('checks-poor', 'test');
    try {
      const { findHazards } = await import('../../src/checks/preflight.js');
      const found = await findHazards({ ...(await scene.look()), database: poor });
      const [{ name }] = (await scene.db.sql('select current_database() as name')) as [{ name: string }];
      expect(found.map((h) => [h.on, h.remedy])).toEqual([
        [`database ${name}`, `grant create on database "${name}" to "checks_poor"`],
        ['role pg_read_all_stats', 'grant pg_read_all_stats to "checks_poor"'],
        ...['lines', 'orders', 'people'].map((table) => [
          table,
          `grant "rekey_owner" to "checks_poor", or alter table "public"."${table}" owner to "checks_poor"`,
        ]),
        ['schema public', 'grant create on schema "public" to "checks_poor"'],
      ]);
    } finally {
      await poor.close();
      delete process.env[connectionVariable('checks-poor')];
    }
  });

  test('a transaction that is older than the plan allows stops the phase, one of Rekey does not', async () => {
    const url = scene.db.ownerUrl;
    const open = async (application_name: string) => {
      const client = new Client({ connectionString: url, application_name });
      await client.connect();
      await client.query('begin; select 1');
      return client;
    };
    const clients = [await open('report'), await open('rekey map')];
    try {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const found = await server(scene.session, 180000, 20);
      expect(found.map((h) => h.message)).toEqual([expect.stringContaining('rekey_owner (report)')]);
      expect(await server(scene.session, 180000, 600_000)).toEqual([]);
    } finally {
      for (const client of clients) await client.end();
    }
  });

  test('versions before 14 and after 18 are not supported', async () => {
    for (const version of [130011, 190000])
      expect((await server(scene.session, version, 600_000)).map((h) => h.hazard)).toEqual([
        'server-version',
      ]);
  });

  test('a disk that is too small stops the phase, an unknown one is no hazard where little is needed', async () => {
    const judged = await scene.judged(shopPlan, 1000);
    expect(judged.unhandled.map((h) => h.hazard)).toEqual(['disk-too-small']);
    expect((await scene.judged(shopPlan, 1e12)).unhandled).toEqual([]);
  });

  test('an unknown disk is to be accepted where gigabytes are needed', async () => {
    const context = await scene.look();
    const { disk } = await import('../../src/checks/hazards/disk.js');
    for (const table of context.view.catalog.tables) table.bytes = 2 ** 30;
    expect(disk(context)).toMatchObject([{ hazard: 'disk-not-known', rank: 'accept', on: 'disk' }]);
  });
});

test('an acceptance that nothing matches is a note', async () => {
  const context = await scene.look(
    plan('accept: [{ hazard: deferrable-unique, on: orders.orders_once, because: old }]'),
  );
  expect(judge(context.plan, context.phase, []).notes).toMatchObject([
    { hazard: 'accept-unused', on: 'orders.orders_once' },
  ]);
});

test('on PostgreSQL 15 the same hazards are found', async () => {
  const old = await Scene.open(undefined, 15);
  try {
    await old.db.sql(`alter table orders force row level security; create view named as select id from people;
      create function touch() returns trigger language plpgsql as 'begin return new; end';
      create trigger touched before update on orders for each row execute function touch()`);
    expect(await old.stops()).toEqual([
      'not-carried-over-yet view named',
      'forced-row-security orders',
      'trigger-fires trigger touched on orders',
    ]);
  } finally {
    await old.close();
  }
});

test('on PostgreSQL 14, whose generated columns hang on their columns in another way, they are found, too', async () => {
  const old = await Scene.open(undefined, 14);
  try {
    await old.db.sql(`alter table orders add twice integer generated always as (person_id * 2) stored,
      add harmless integer generated always as (no + 1) stored,
      add friend_id integer generated always as (no % 200 + 1) stored references people`);
    expect(await old.stops()).toEqual([
      'not-carried-over-yet generated column orders.friend_id',
      'not-carried-over-yet generated column orders.twice',
    ]);
  } finally {
    await old.close();
  }
});
