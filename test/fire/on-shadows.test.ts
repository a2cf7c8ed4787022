import { dropTwins } from '../../activities/twins.js';
import { wayBack } from '../../activities/way-back.js';
import { attempt } from '../activities/local-run.js';
import { bosses, founded, onlyPeople } from './founded.js';

const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people);
insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 30) n;
`;
const made: [what: string, sql: string, drop: string, named: string][] = [
  [
    'a view of all columns',
    'create view everybody as select * from people',
    'drop view everybody',
    'view public.everybody',
  ],
  [
    'a materialized view',
    'create materialized view kept as select uuid_id from people',
    'drop materialized view kept',
    'materialized view public.kept',
  ],
  [
    'a child of a shadow',
    'create table newer (person uuid references people (uuid_id))',
    'drop table newer',
    'constraint newer_person_fkey on table public.newer',
  ],
  [
    'a policy',
    'create policy own on people using (uuid_id is not null)',
    'drop policy own on people',
    'policy own on table public.people',
  ],
];

describe.each(made)('%s that somebody makes on shadows while a phase waits', (_, sql, drop, named) => {
  const at = founded(onlyPeople, (database) => database.sql(schema));

  it('closes the way back by its name, and a rollback changes nothing before it is gone', async () => {
    const ref = await at.run.forward('people', 'buildTwins');
    expect(await wayBack(ref, attempt())).toMatchObject({ open: true });
    await at.database.sql(sql);
    const because = `${named} stands on columns that a rollback drops; drop it and the way is open again`;
    expect(await wayBack(ref, attempt())).toMatchObject({ open: false, because });
    await expect(dropTwins(ref, attempt())).rejects.toMatchObject({
      code: 'schema.moved',
      message: expect.stringContaining(named),
    });
    // with its twins still there it can go forward, too
    const [twins] = await at.database.sql(
      `select count(*)::int as n from pg_constraint where conname = 'people_boss_id_fkey_uuid'`,
    );
    expect(twins).toEqual({ n: 1 });
    await at.database.sql(drop);
    expect(await wayBack(ref, attempt())).toMatchObject({ open: true });
    const before = await at.database.sql(bosses);
    await at.run.back('people');
    expect(await at.database.sql(bosses)).toEqual(before);
  }, 60_000);
});

describe('What somebody makes on shadows and goes with them', () => {
  const at = founded(onlyPeople, (database) => database.sql(schema));

  it('closes nothing: an index, a check, statistics', async () => {
    const ref = await at.run.forward('people', 'buildTwins');
    await at.database.sql(`create index more on people (uuid_id, name);
      alter table people add check (uuid_id <> '00000000-0000-0000-0000-000000000000' or boss_id_uuid is null);
      create statistics both_of_them on uuid_id, name from people`);
    expect(await wayBack(ref, attempt())).toMatchObject({ open: true });
    await at.run.back('people');
  }, 60_000);
});
