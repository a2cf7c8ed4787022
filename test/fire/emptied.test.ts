import { founded } from './founded.js';

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
  const at = founded(plan, async (database) => {
    await database.sql(schema);
    await fill();
  });

  let round = 0;
  /** Rows of the same numbers as before, under other names; each leads to one that came before it. */
  async function fill(): Promise<void> {
    round += 1;
    const client = await at.database.app();
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
    await at.database.sql(how);
    await fill();
  };
  const same = async (change: () => Promise<unknown>) => {
    const before = await at.database.sql(state);
    expect(before).toHaveLength(12);
    await change();
    expect(await at.database.sql(state)).toEqual(before);
  };

  it.each(['truncate people, orders restart identity', 'truncate people restart identity cascade'])(
    'keep every reference of the rows that came since, wherever a phase stands: %s',
    async (how) => {
      for (const step of ['addColumns', 'map', 'buildTwins'] as const) {
        await at.run.forward('people', step);
        await anew(how);
      }
      await same(() => at.run.forward('people'));
      await anew(how);
      await same(() => at.run.back('people'));
      await anew(how);
      await same(() => at.run.forward('people'));
      await same(() => at.run.forward('orders'));
      await anew(how);
      await same(() => at.run.back('orders'));
      await anew(how);
      await same(() => at.run.back('people'));
    },
    120_000,
  );

  it('go through cleanup', async () => {
    await at.run.forward('people');
    await at.run.forward('orders');
    await anew('truncate people, orders restart identity');
    await same(() => at.run.forward('cleanup'));
    await anew('truncate people, orders restart identity');
    expect(await at.database.sql(state)).toHaveLength(12);
  }, 60_000);
});
