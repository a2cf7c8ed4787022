import type { Client } from 'pg';
import { founded, onlyPeople } from './founded.js';

const schema = `
create table people (id serial primary key, name text not null unique, n integer not null default 0, boss_id integer references people);
insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 300) n;
create table settings (name text);
`;
const inOneSnapshot = ['repeatable read', 'serializable'];

describe('Clients that work in one snapshot', () => {
  const at = founded(onlyPeople, (database) => database.sql(schema));
  let client: Client;
  beforeAll(async () => {
    client = await at.database.app();
  });
  afterEach(() => at.run.back('people'));

  /** The snapshot is taken by a look at a table that does not move: no lock on one that does is held. */
  const begin = async (level: string) => {
    await client.query(`begin isolation level ${level}`);
    await client.query('select from settings');
  };

  it('and read a table for the first time when its keys would be swapped are waited for: none sees a row without its key', async () => {
    await begin('repeatable read');
    let isOver = false;
    const going = at.run.forward('people').finally(() => {
      isOver = true;
    });
    const waiting = `select 1 from pg_stat_activity where query ~* '^create unique index concurrently' and wait_event = 'virtualxid'`;
    while ((await at.database.superuser(waiting)).length === 0 && !isOver);
    expect(isOver).toBe(false);
    const { rows } = await client.query('select id, boss_id from people order by id');
    expect(rows).toHaveLength(300);
    expect(rows[299]).toEqual({ id: 300, boss_id: 100 });
    await client.query('commit');
    await going;
    expect(await keys()).toBe('uuid');
  }, 60_000);

  it.each(inOneSnapshot)(
    'that are %s are refused with 40001 where they write a row that the map has filled since, and succeed when they begin again',
    async (level) => {
      await begin(level);
      await at.run.forward('people', 'map');
      const write = `update people set n = n + 1 where name = 'p7'`;
      await expect(client.query(write)).rejects.toMatchObject({ code: '40001' });
      await client.query('rollback');
      await begin(level);
      expect((await client.query(write)).rowCount).toBe(1);
      await client.query('commit');
    },
  );

  it.each(inOneSnapshot)(
    'that are %s write in every step after the map as if nothing moved, and are told once that their plan changed at the cutover',
    async (level) => {
      await at.run.forward('people', 'map');
      await client.query(
        `prepare raise_${level.slice(0, 6)} as update people set n = n + 1 where name = 'p9' returning id`,
      );
      const raise = async () => {
        await begin(level);
        const { rows } = await client.query(`execute raise_${level.slice(0, 6)}`);
        await client.query('commit');
        return typeof rows[0]?.id;
      };
      const before = await n('p9');
      expect(await raise()).toBe('number');
      await at.run.forward('people', 'buildTwins');
      expect(await raise()).toBe('number');
      await at.run.forward('people');
      await expect(raise()).rejects.toMatchObject({ code: '0A000' });
      await client.query('rollback');
      await client.query('deallocate all');
      await client.query(
        `prepare raise_${level.slice(0, 6)} as update people set n = n + 1 where name = 'p9' returning id`,
      );
      expect(await raise()).toBe('string');
      await client.query('deallocate all');
      expect(await n('p9')).toBe(before + 3);
    },
    60_000,
  );

  const keys = async () =>
    (await at.database.sql('select pg_typeof(id)::text as type from people limit 1'))[0]?.type;
  const n = async (name: string) =>
    Number((await at.database.sql('select n from people where name = $1', [name]))[0]?.n);
});
