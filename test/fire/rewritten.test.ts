import { bosses, founded, onlyPeople } from './founded.js';

const plan = onlyPeople.replace('phases:', 'map: { batch: 200, parallel: 1 }\nphases:');
const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people) with (autovacuum_enabled = off);
insert into people (name, boss_id) select 'p' || n, case when n > 9000 then 9001 + n % 500 end from generate_series(1, 20000) n;
create table orders (id serial primary key, person_id integer references people);
create index on people (boss_id);
delete from people where id <= 9000;
`;

describe.each([
  ['VACUUM FULL', 'vacuum full people', ''],
  [
    'an ALTER that rewrites',
    'alter table people alter name type varchar(100)',
    'alter table people alter name type text',
  ],
  ['CLUSTER', 'cluster people using people_pkey', 'alter table people set without cluster'],
  [
    'a loader that switches triggers off, and on again otherwise',
    `alter table people disable trigger user; insert into people (name, boss_id) select 'loaded ' || n, 9500 from generate_series(1, 2000) n; alter table people enable always trigger "~rekey_people"`,
    '',
  ],
])('Rows that the map has not met, for %s', (_, change, takenBack) => {
  const at = founded(plan, (database) => database.sql(schema));

  const blocks = async () =>
    Number((await at.database.sql(`select pg_relation_size('people') / 8192 as n`))[0]?.n);
  /** A snapshot that another database's logical slot is made with keeps dead rows for VACUUM FULL as well. */
  async function moved(): Promise<void> {
    const before = await blocks();
    do await at.database.sql(change);
    while (/^(vacuum|cluster)/.test(change) && (await blocks()) > before / 1.5);
  }

  it('get their keys before anything is built on them', async () => {
    let isMoved = false;
    at.run.caller = async ({ activity, call }) => {
      const answer = await call();
      // the throttle may have held it so far
      const [first] = await at.database.sql(
        `select next_block >= 64 as passed from rekey.cursor where table_name = 'people'`,
      );
      if (activity === 'mapRange' && first?.passed === true && !isMoved) {
        await moved();
        isMoved = true;
      }
      return answer;
    };
    at.run.sliceMs = 1;
    await at.run.forward('people', 'map');
    expect(isMoved).toBe(true);
    const [{ missing } = {}] = await at.database.sql(
      'select count(*)::int as missing from people where uuid_id is null or boss_id is not null and boss_id_uuid is null',
    );
    expect(missing).toBeGreaterThan(30);
    // what is changed in the schema would be found under the locks of the cutover
    await at.database.sql(takenBack);
    const before = await at.database.sql(bosses);
    await at.run.forward('people');
    expect(await at.database.sql(bosses)).toEqual(before);
    await at.run.back('people');
    expect(await at.database.sql(bosses)).toEqual(before);
  }, 60_000);
});
