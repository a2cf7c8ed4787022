import { RekeyError } from '../../src/errors.js';
import { LocalRun } from '../activities/local-run.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';

const schema = `
create table people (id serial primary key, ref text not null unique, boss_id integer references people);
create table turns (
  id serial primary key, person_id integer not null references people, n integer not null, hits integer not null default 0,
  unique (person_id, n));
insert into people (ref) select 'p' || n from generate_series(1, 40) n;
`;

const plan = (more = '', phases = '') => `version: 1
plan: facts
keys: { source: derived, version: 7 }
${more}
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people, turns] }
${phases}`;

let database: ConnectedDatabase;
let run: LocalRun;

/** A database with a foundation; phases of the plan come next. */
async function begin(version: number, sql = '', text = plan()): Promise<void> {
  database = await connectedDatabase(version);
  await database.sql(schema + sql);
  run = new LocalRun(database.connection, text);
  await run.forward('foundation');
}

afterEach(async () => {
  run.end();
  await database.drop();
});

async function failure(work: Promise<unknown>): Promise<RekeyError> {
  const error = await work.then(
    () => null,
    (e) => e,
  );
  expect(error).toBeInstanceOf(RekeyError);
  return error as RekeyError;
}

const typeOfKey = async () =>
  (
    await database.sql(
      `select atttypid::regtype::text as type from pg_attribute where attrelid = 'people'::regclass and attname = 'id'`,
    )
  )[0]?.type;

const first = testVersions()[0] as number;

describe.each(testVersions())('Objects that no phase carries over yet, on PostgreSQL %i', (version) => {
  it('stop it before its first change: each is named with what to do', async () => {
    await begin(
      version,
      `create view counted as select p.id, p.ref, count(*) from people p join turns t on t.person_id = p.id group by p.id;
       create view as_json as select to_jsonb(t) as turn from turns t;
       create materialized view kept as select id, ref from people with no data;
       create policy own on turns using (person_id = current_setting('app.person')::int);
       alter table turns add constraint apart exclude using btree (person_id with =, n with =);
       alter table turns add twice integer generated always as (person_id * 2) stored;
       alter table turns add of integer generated always as (n % 40 + 1) stored references people;
       create table parts (id integer primary key, person_id integer${version >= 18 ? '' : ' references people'}) partition by hash (id);
       create table parts_0 partition of parts for values with (modulus 1, remainder 0);
       ${version >= 18 ? 'alter table parts add constraint later foreign key (person_id) references people not valid;' : ''}
       create publication lake for table people${version >= 15 ? ' (id, ref)' : ''};`,
    );
    const shape = `select c.relname, a.attname, a.atttypid::regtype::text as type from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and a.attnum > 0 order by 1, a.attnum`;
    const before = await database.sql(shape);
    const error = await failure(run.forward('main'));
    expect(error).toMatchObject({ type: 'Hazard', code: 'hazards' });
    expect(error.remedy).toContain('Handle each');
    const gone =
      'drop the [a-z ]+ before the phase and create it again afterwards, or leave the table out of the plan';
    const out = 'leave the keys that it has or refers to out of the plan';
    for (const [hazard, on, remedy] of [
      ['not-carried-over-yet', 'view counted', gone],
      ['not-carried-over-yet', 'view as_json', gone],
      ['not-carried-over-yet', 'materialized view kept', gone],
      ['not-carried-over-yet', 'policy own on turns', gone],
      ['not-carried-over-yet', 'exclusion constraint apart on turns', gone],
      ['not-carried-over-yet', 'generated column turns.twice', gone],
      ['not-carried-over-yet', 'generated column turns.of', gone],
      ['not-carried-over-yet', 'parts', out],
      [
        'publication',
        'publication lake',
        '(name each subscriber [^.]*, or )?end the subscriptions and drop the publication',
      ],
      ...(version >= 15
        ? [['publication-column-list', 'publication lake', 'take the list out'] as const]
        : []),
    ] as const)
      expect(error.message).toMatch(new RegExp(`${hazard} on ${on}: [^;]*; ${remedy}`));
    expect(await database.sql(shape)).toEqual(before);
  }, 60_000);
});

describe('Unique constraints over references', () => {
  /** Upserts of 16 clients on few values; answers with the SQLSTATEs of those that failed. */
  const upserts = async (rounds: number) => {
    const keys = (await database.sql('select id from people order by ref limit 3')).map((row) => row.id);
    const clients = await Promise.all(Array.from({ length: 16 }, () => database.app()));
    const failed: Record<string, number> = {};
    await Promise.all(
      clients.map(async (client) => {
        for (let n = 0; n < rounds; n += 1)
          await client
            .query(
              `insert into turns (person_id, n) values ($1, $2) on conflict (person_id, n) do update set hits = turns.hits + 1`,
              [keys[n % keys.length], Math.floor(Math.random() * 50) + n],
            )
            .catch(({ code, constraint }) => {
              failed[`${code} ${constraint}`] = (failed[`${code} ${constraint}`] ?? 0) + 1;
            });
      }),
    );
    await Promise.all(clients.map((client) => client.end()));
    return failed;
  };

  it('let every concurrent upsert through after the cutover and after the way back; beside a twin 23505 names the twin', async () => {
    await begin(first);
    await run.forward('main', 'buildTwins');
    // FACTS: 109 of 40,000; only the twin may refuse them, which the hazard has told of
    const beside = await upserts(60);
    figure(
      'upserts refused beside a unique twin, of 960',
      Object.values(beside).reduce((a, b) => a + b, 0),
      'upserts',
    );
    expect(Object.keys(beside).filter((what) => !/^23505 turns_person_id_n_key_uuid$/.test(what))).toEqual(
      [],
    );
    await run.forward('main');
    expect(await upserts(60)).toEqual({});
    await run.back('main');
    expect(await upserts(60)).toEqual({});
  }, 60_000);

  it('that are deferrable are so again after the cutover and after the way back, and their twin is a hazard to accept', async () => {
    const deferrable = `create table shelves (id serial primary key, person_id integer references people, pos integer, unique (person_id, pos) deferrable initially immediate);
      insert into shelves (person_id, pos) select 1, n from generate_series(1, 9) n;`;
    const text = (accept: string) => plan(accept).replace('people, turns', 'people, turns, shelves');
    await begin(first, deferrable, text(''));
    expect(await failure(run.forward('main'))).toMatchObject({
      type: 'Hazard',
      code: 'deferrable-unique',
      message: expect.stringMatching(/shelves_person_id_pos_key.*accept it with a because/),
    });
    await run.back('main');
    run.end();
    run = new LocalRun(
      database.connection,
      text(
        'accept: [{ hazard: deferrable-unique, on: shelves.shelves_person_id_pos_key, because: nobody moves shelves at night }]',
      ),
    );
    const move = `update shelves set pos = pos + 1`;
    const app = await database.app();
    await run.forward('main', 'buildTwins');
    await expect(app.query(move)).rejects.toMatchObject({
      code: '23505',
      constraint: 'shelves_person_id_pos_key_uuid',
    });
    await run.forward('main');
    await app.query(move);
    await run.back('main');
    await app.query(move);
  }, 60_000);
});

it('Statements that count on positions break at addColumns: they are named beforehand, and those that name their columns go on', async () => {
  await begin(first);
  await database.superuser('create extension pg_stat_statements');
  const app = await database.app();
  const all = { name: 'all', text: 'select * from people where ref = $1', values: ['p3'] };
  const named = { name: 'named', text: 'select id, ref from people where ref = $1', values: ['p3'] };
  await app.query(all);
  await app.query(named);
  await database.superuser(`copy turns to '/dev/null'`);
  const error = await failure(run.forward('main', 'preflight'));
  expect(error.type).toBe('Hazard');
  for (const table of ['people', 'turns'])
    expect(error.message).toMatch(
      new RegExp(`column-order on ${table}: \\d+ statements or functions use ${table} by position`),
    );
  await run.back('main');
  run.end();
  const accept = ['people', 'turns'].map(
    (on) => `{ hazard: column-order, on: ${on}, because: the test wants it so }`,
  );
  run = new LocalRun(database.connection, plan(`accept: [${accept.join(', ')}]`));
  await run.forward('main', 'addColumns');
  await expect(app.query(all)).rejects.toMatchObject({ code: '0A000' });
  expect((await app.query(named)).rows).toEqual([{ id: 3, ref: 'p3' }]);
}, 60_000);

it('A child table that was made on the new keys is named by the way back, which changes nothing until it is gone', async () => {
  await begin(first);
  await run.forward('main');
  await database.sql('create table badges (id integer primary key, person_id uuid references people)');
  await expect(run.back('main')).rejects.toThrow(/the way back is closed: .*badges/);
  await database.sql('drop table badges');
  // made between that look and the locks
  run.caller = async ({ activity, call }) => {
    if (activity === 'swapKeysBack')
      await database.sql('create table badges (id integer primary key, person_id uuid references people)');
    return call();
  };
  expect(await failure(run.back('main'))).toMatchObject({
    type: 'SchemaMoved',
    code: 'schema.moved',
    message: expect.stringContaining('badges'),
    remedy: expect.stringMatching(/drop what was made on the new keys.*resolve with retry/),
  });
  run.caller = ({ call }) => call();
  expect(await typeOfKey()).toBe('uuid');
  await database.sql('drop table badges');
  await run.back('main');
  expect(await typeOfKey()).toBe('integer');
}, 60_000);

it('Keys that never had a sequence get their integers above the highest one until cleanup, so that inserts go on and the way back has them', async () => {
  await begin(
    first,
    'create table codes (id smallint primary key, ref text); insert into codes values (7, $$seven$$), (4000, $$four$$);',
    plan().replace('people, turns', 'people, turns, codes'),
  );
  await run.forward('main');
  const app = await database.app();
  await app.query(`insert into codes (ref) values ('one more'), ('and one')`);
  expect(await database.sql('select ref, legacy_id as id from codes order by 2')).toMatchObject([
    { id: 7 },
    { id: 4000 },
    { ref: 'one more', id: 4001 },
    { ref: 'and one', id: 4002 },
  ]);
  await run.back('main');
  expect(await database.sql('select id from codes order by 1')).toEqual(
    [7, 4000, 4001, 4002].map((id) => ({ id })),
  );
}, 60_000);

describe.each(testVersions())('What stands after the cutover, on PostgreSQL %i', (version) => {
  it('has the names and states of before: constraints, NOT NULL and NOT VALID ones included', async () => {
    await begin(
      version,
      `alter table people add sponsor_id integer;
       alter table people add constraint sponsored foreign key (sponsor_id) references people on delete set null not valid;
       comment on constraint turns_person_id_n_key on turns is 'once a turn';`,
    );
    const constraints = `select conrelid::regclass::text as of, contype as type, conname as name, convalidated as valid, obj_description(oid) as comment
      from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2, 3`;
    const before = await database.sql(constraints);
    await run.forward('main');
    const legacy = /^legacy_/;
    const after = await database.sql(constraints);
    expect(after.filter(({ name }) => !legacy.test(name as string))).toEqual(before);
    // a key's integer stays NOT NULL until cleanup, under a name of its own
    expect(after.filter(({ name }) => legacy.test(name as string)).map(({ type }) => type)).toEqual(
      version >= 18 ? ['n', 'n'] : [],
    );
    await run.back('main');
    expect(await database.sql(constraints)).toEqual(before);
  }, 60_000);

  it('gets a default from built-in functions in cleanup that orders keys by time, and outlives the schema rekey', async () => {
    await begin(version, '', plan('', '  - { phase: cleanup, kind: cleanup }\n'));
    await run.forward('main');
    await run.forward('cleanup');
    await database.sql('drop schema rekey cascade');
    const app = await database.app();
    const since = Date.now();
    for (let n = 0; n < 5; n += 1) {
      await app.query(`insert into people (ref) values ($1)`, [`new ${n}`]);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const rows = await database.sql(`select id::text as id from people where ref like 'new %' order by ref`);
    const keys = rows.map((row) => row.id as string);
    expect([...keys].sort()).toEqual(keys);
    for (const key of keys) {
      expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
      const at = Number.parseInt(key.replaceAll('-', '').slice(0, 12), 16);
      // both clocks are this machine's
      expect(Math.abs(at - since)).toBeLessThan(60_000);
    }
  }, 60_000);
});
