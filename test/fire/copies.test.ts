import { LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

const plan = `version: 1
plan: shop
accept:
  - { hazard: column-order, on: people, because: rows are copied whole }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
`;
const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people);
insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 30) n;
create function new_key(of int) returns int language sql as $$select nextval('people_id_seq')::int$$;
create function new_key(of uuid) returns uuid language sql as $$select gen_random_uuid()$$;
create function copy_person(who text, as_name text) returns void language plpgsql as $$
declare
  r people%rowtype;
begin
  select * into r from people where name = who;
  r.id := new_key(r.id);
  r.name := as_name;
  insert into people values (r.*);
end
$$;
`;
const people =
  'select p.name, b.name as boss from people p left join people b on b.id = p.boss_id order by 1';

describe('Rows that the application copies whole', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase();
    await database.sql(schema);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  }, 60_000);
  afterAll(async () => {
    run?.end();
    await database?.drop();
  });

  const expected = new Map<string, string>();
  /** By the row type, and from JSON; as a client, on a session that knows today's types. */
  async function copy(): Promise<void> {
    const client = await database.app();
    const n = expected.size;
    await client.query('select copy_person($1, $2)', ['p20', `by type ${n}`]);
    await client.query(
      `insert into people select (jsonb_populate_record(p, jsonb_build_object('id', new_key(p.id), 'name', $1::text))).*
       from people p where p.name = 'p21'`,
      [`by json ${n}`],
    );
    await client.end();
    expected.set(`by type ${n}`, 'p6').set(`by json ${n}`, 'p7');
  }
  async function areThere(): Promise<void> {
    const rows = new Map((await database.sql(people)).map(({ name, boss }) => [name, boss]));
    for (const [name, boss] of expected) expect([name, rows.get(name)]).toEqual([name, boss]);
    expect(rows.size).toBe(30 + expected.size);
  }

  it('get keys of their own and keep their references, wherever a phase stands, there and back', async () => {
    for (const step of ['addColumns', 'map', 'buildTwins'] as const) {
      await run.forward('people', step);
      await copy();
    }
    await run.forward('people');
    await copy();
    await areThere();
    await run.back('people');
    await areThere();
    await copy();
    await run.forward('people');
    await copy();
    await areThere();
    // what it is a copy of is what it was
    expect(
      await database.sql(`select rekey.old_key('people', id)::int as old from people where name = 'p20'`),
    ).toEqual([{ old: 20 }]);
  }, 60_000);
});
