import { connectionVariable } from '../../src/postgres/environment.js';
import { freshDatabase, type TestDatabase } from '../servers.js';
import { LocalRun } from './local-run.js';

const plan = `
version: 1
plan: brought
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
`;

describe('A key that the application brought', () => {
  let database: TestDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await freshDatabase();
    process.env[connectionVariable('brought')] = database.ownerUrl;
    await database.query(
      `create table people (id serial primary key, name text not null, boss_id integer references people)`,
    );
    await database.query(`insert into people (name, boss_id) values ('ann', null), ('bob', 1), ('cid', 2)`);
    run = new LocalRun('brought', plan);
    await run.forward('foundation');
  }, 60_000);

  afterAll(async () => {
    run.end();
    delete process.env[connectionVariable('brought')];
    await database.drop();
  });

  it('is the same in a second run after a rollback, and so is every derived one', async () => {
    await run.forward('people');
    const brought = '0192f0c1-7a3b-4c5d-8e6f-0123456789ab';
    await database.query(
      `insert into people (id, name, boss_id) select $1::uuid, 'dan', id from people where name = 'ann'`,
      [brought],
      database.rwUrl,
    );
    await database.query(
      `insert into people (name, boss_id) values ('eve', $1::uuid)`,
      [brought],
      database.rwUrl,
    );
    const before = await keys();
    await run.back('people');
    expect(
      await database.query(
        `select p.name, b.name as boss from people p join people b on b.id = p.boss_id order by 1`,
      ),
    ).toEqual([
      { name: 'bob', boss: 'ann' },
      { name: 'cid', boss: 'bob' },
      { name: 'dan', boss: 'ann' },
      { name: 'eve', boss: 'dan' },
    ]);

    await run.forward('people');
    expect(await keys()).toEqual(before);
    expect(before).toContainEqual({ name: 'dan', id: brought, old: '4' });
  }, 120_000);

  it('of a row that was deleted stands for the integer that it had, once it is made again, over a rollback, too', async () => {
    const [cid] = await database.query<{ id: string; old: string }>(
      `select id, rekey.old_key('people', id) as old from people where name = 'cid'`,
    );
    const again = async (name: string) => {
      await database.query(`delete from people where id = $1::uuid`, [cid?.id], database.rwUrl);
      await database.query(
        `insert into people (id, name) values ($1::uuid, $2)`,
        [cid?.id, name],
        database.rwUrl,
      );
    };
    await again('cid again');
    expect(await keys()).toContainEqual({ name: 'cid again', id: cid?.id, old: cid?.old });
    // its key has gone to another row in the meantime, and the row that has its integer keeps it
    await database.query(
      `update people set id = '0192f0c1-7a3b-4c5d-8e6f-0123456789ff' where id = $1::uuid`,
      [cid?.id],
      database.rwUrl,
    );
    await database.query(`insert into people (id, name) values ($1::uuid, 'fay')`, [cid?.id], database.rwUrl);
    const fay = (await keys()).find(({ name }) => name === 'fay');
    expect(fay?.id).toBe(cid?.id);
    const integers = await database.query(`select legacy_id from people group by 1 having count(*) > 1`);
    expect(integers).toEqual([]);
    await run.back('people');
    const [row] = await database.query(
      `select rekey.new_key('people', id) as id from people where name = 'cid again'`,
    );
    expect(row).toEqual({ id: '0192f0c1-7a3b-4c5d-8e6f-0123456789ff' });
  }, 120_000);

  const keys = () =>
    database.query<{ name: string; id: string; old: string }>(
      `select name, id, rekey.old_key('people', id) as old from people order by name`,
    );
});

/** Names whose key functions agree in their first 54 characters, or whose first 54 characters are more than 63 bytes. */
const longNames = [
  'a_table_with_a_name_that_is_as_long_as_a_name_can_be_at_most_01',
  'a_table_with_a_name_that_is_as_long_as_a_name_can_be_at_most_02',
  'покупатели_и_их_заказы_в_году',
  'покупатели_и_их_возвраты_всех',
];

const longPlan = `
version: 1
plan: long
phases:
  - { phase: foundation, kind: foundation }
  - { phase: all, tables: [${longNames.join(', ')}] }
`;

describe('Keys that the application brought to tables with long names', () => {
  let database: TestDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await freshDatabase();
    process.env[connectionVariable('long')] = database.ownerUrl;
    for (const name of longNames)
      await database.query(
        `create table "${name}" (id integer primary key, name text); insert into "${name}" values (1, 'ann')`,
      );
    run = new LocalRun('long', longPlan);
    await run.forward('foundation');
  }, 60_000);

  afterAll(async () => {
    run.end();
    delete process.env[connectionVariable('long')];
    await database.drop();
  });

  it('are the same in a second run, and in a third: no table takes the function of another', async () => {
    const all = () =>
      Promise.all(longNames.map((name) => database.query(`select name, id from "${name}" order by name`)));
    const bring = (no: number) =>
      Promise.all(
        longNames.map((name, i) =>
          database.query(
            `insert into "${name}" (id, name) values ('0192f0c1-7a3b-4c5d-8e6f-0000000000${no}${i}', 'dan ${no}')`,
            [],
            database.rwUrl,
          ),
        ),
      );
    await run.forward('all');
    await bring(1);
    const first = await all();
    await run.back('all');
    await run.forward('all');
    expect(await all()).toEqual(first);
    await bring(2);
    const second = await all();
    await run.back('all');
    await run.forward('all');
    expect(await all()).toEqual(second);
  }, 180_000);
});
