import { LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: orders, tables: [orders] }
  - { phase: cleanup, kind: cleanup }
`;
const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people);
create table orders (id bigint generated always as identity primary key, person_id integer not null references people on delete cascade, note text not null);
`;
const state = `select p.name, b.name as boss, o.note from people p left join people b on b.id = p.boss_id
  left join orders o on o.person_id = p.id order by p.name, o.note`;

describe('Tables that are emptied with TRUNCATE, their numbers begun anew', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase();
    await database.sql(schema);
    await fill();
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  }, 60_000);
  afterAll(async () => {
    run?.end();
    await database?.drop();
  });

  let round = 0;
  /** Rows of the same numbers as before, under other names; each leads to one that came before it. */
  async function fill(): Promise<void> {
    round += 1;
    const client = await database.app();
    for (let i = 1; i <= 12; i += 1) {
      await client.query(
        `insert into people (name, boss_id) values ($1, (select id from people where name = $2))`,
        [`${round}-${i}`, `${round}-${Math.floor(i / 2)}`],
      );
      await client.query(
        `insert into orders (person_id, note) select id, 'of ' || name from people where name = $1`,
        [`${round}-${i}`],
      );
    }
    await client.end();
  }
  const anew = async (how: string) => {
    await database.sql(how);
    await fill();
  };
  const same = async (change: () => Promise<unknown>) => {
    const before = await database.sql(state);
    expect(before).toHaveLength(12);
    await change();
    expect(await database.sql(state)).toEqual(before);
  };

  it.each(['truncate people, orders restart identity', 'truncate people restart identity cascade'])(
    'keep every reference of the rows that came since, wherever a phase stands: %s',
    async (how) => {
      for (const step of ['addColumns', 'map', 'buildTwins'] as const) {
        await run.forward('people', step);
        await anew(how);
      }
      await same(() => run.forward('people'));
      await anew(how);
      await same(() => run.back('people'));
      await anew(how);
      await same(() => run.forward('people'));
      await same(() => run.forward('orders'));
      await anew(how);
      await same(() => run.back('orders'));
      await anew(how);
      await same(() => run.back('people'));
    },
    120_000,
  );

  it('go through cleanup', async () => {
    await run.forward('people');
    await run.forward('orders');
    await anew('truncate people, orders restart identity');
    await same(() => run.forward('cleanup'));
    await anew('truncate people, orders restart identity');
    expect(await database.sql(state)).toHaveLength(12);
  }, 60_000);
});
