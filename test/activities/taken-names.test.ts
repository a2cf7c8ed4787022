import type { PgTools } from '../../src/backup/find-tools.js';
import { schemaDump } from '../../src/backup/schema-dump.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

const version = testVersions()[0] as number;

const plan = (unique: string) => `version: 1
plan: names
phases:
  - { phase: foundation, kind: foundation }
  - phase: main
    tables: [people, { table: friends, key: { surrogate: id, unique: ${unique} } }]
`;

/** Each has a name that Rekey would give to a twin, to what it sets aside, or to what a surrogate brings. */
const others = `
create view people_pkey_uuid as select 1 as one;
create sequence legacy_people_pkey;
create type people_boss_uuid as (a integer, b text);
create materialized view legacy_people_boss as select 2 as two;
create index friends_id_uuid on legacy_people_boss (two);
create view friends_pkey_uuid as select 3 as three;
create sequence letters_friends_id_idx;
`;

const schema = `
create table people (id serial primary key, name text not null, boss_id integer references people);
create index people_boss on people (boss_id);
create table friends (a_id integer references people, b_id integer references people, primary key (a_id, b_id));
create table letters (no integer primary key, a_id integer, b_id integer, foreign key (a_id, b_id) references friends);
${others}
insert into people (name, boss_id) values ('ann', null), ('bob', 1), ('cid', 2);
insert into friends values (1, 2), (2, 3);
insert into letters values (1, 1, 2), (2, null, 3);
`;

describe('Names that Rekey would give', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase(version);
    await database.sql(schema);
  }, 60_000);

  afterAll(async () => {
    run.end();
    await database.drop();
  });

  const dump = async () =>
    schemaDump({
      url: database.ownerUrl,
      serverVersion: version * 10_000,
      tools: (await fetchPostgresTools(version)) as PgTools,
    });

  it.each([
    'people_pkey_uuid',
    'legacy_people_pkey',
    'people_boss_uuid',
    'legacy_people_boss',
    'friends_id_uuid',
  ])(
    'are refused in a plan where the plan gives them and %s is there already',
    async (unique) => {
      run = new LocalRun(database.connection, plan(unique));
      await expect(run.forward('foundation').then(() => run.forward('main', 'opened'))).rejects.toThrow(
        new RegExp(
          `name ${unique} is taken, by the (view|sequence|composite type|materialized view|index) ${unique}`,
        ),
      );
      run.end();
    },
    60_000,
  );

  it('give way to views, sequences, types and indexes on views that have them, and to what the plan promises', async () => {
    // the plan's own name is one that a twin would have
    run = new LocalRun(database.connection, plan('people_pkey_uuid_2'));
    await run.forward('foundation');
    const before = await dump();
    await run.forward('main');
    expect(
      await database.sql(
        `select l.no, a.name as a, b.name as b from letters l join friends f on f.id = l.friends_id
         join people a on a.id = f.a_id join people b on b.id = f.b_id`,
      ),
    ).toEqual([{ no: 1, a: 'ann', b: 'bob' }]);
    await run.back('main');
    expect(await dump()).toEqual(before);
  }, 120_000);
});
