import { bosses, founded, onlyPeople } from './founded.js';

describe('Settings that somebody makes on a table while a phase waits', () => {
  const at = founded(onlyPeople, (database) =>
    database.sql(`
      create table people (id serial primary key, name text not null unique, boss_id integer references people);
      insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 30) n;`),
  );

  it('stay as they are, and a rollback before the cutover ends whole', async () => {
    await at.run.forward('people', 'buildTwins');
    await at.database.sql(`alter table people set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
      alter table people alter name set statistics 500, alter name set storage external, alter boss_id set (n_distinct = 10)`);
    const before = await at.database.sql(bosses);
    await at.run.back('people');
    expect(await at.database.sql(bosses)).toEqual(before);
    const [settings] = await at.database.sql(
      `select c.reloptions, a.attstattarget::int as target, a.attstorage::text as storage from pg_class c
       join pg_attribute a on a.attrelid = c.oid and a.attname = 'name' where c.oid = 'people'::regclass`,
    );
    expect(settings).toEqual({
      reloptions: ['fillfactor=80', 'autovacuum_vacuum_scale_factor=0.01'],
      target: 500,
      storage: 'e',
    });
  }, 60_000);

  it('go along with a cutover and its way back, and whoever owns the table is still looked at', async () => {
    const set = (factor: number) => at.database.sql(`alter table people set (fillfactor = ${factor})`);
    await at.run.forward('people', 'buildTwins');
    await set(70);
    await at.run.forward('people');
    await set(60);
    await at.run.back('people');
    await at.run.forward('people', 'buildTwins');
    await set(50);
    await at.database.sql(`comment on table people is 'who works here'`);
    await expect(at.run.forward('people')).rejects.toThrow('changed: table people');
    await at.database.sql('comment on table people is null');
    await at.run.forward('people');
  }, 60_000);
});
