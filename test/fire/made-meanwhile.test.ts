import type pg from 'pg';
import { wayBack } from '../../activities/way-back.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people, orders] }
  - { phase: cleanup, kind: cleanup }
`;
const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people);
create table orders (id serial primary key, person_id integer not null references people on delete cascade, note text);
insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 30) n;
insert into orders (person_id, note) select n, 'o' || n from generate_series(1, 30) n;
`;
const steps = ['addColumns', 'map', 'buildTwins'] as const;

describe('While a phase is under way, and clients are connected', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;
  let app: pg.Client;
  let round = 0;

  beforeEach(async () => {
    database = await connectedDatabase();
    await database.sql(schema);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
    app = await database.app();
  });
  afterEach(async () => {
    run.end();
    await database.drop();
  });

  /** Over one session, as a pool keeps it: refused nothing, and who belongs to whom is known afterwards. */
  async function writes(): Promise<void> {
    round += 1;
    await app.query(
      `insert into people (name, boss_id) select 'n${round}', id from people where name = 'p7'`,
    );
    await app.query(
      `insert into orders (person_id, note) select id, 'n${round}' from people where name = 'n${round}'`,
    );
    await app.query(
      `update people set boss_id = (select id from people where name = 'p9') where name = 'n${round}'`,
    );
    const { rows } = await app.query(
      `select o.note, b.name as boss from orders o join people p on p.id = o.person_id join people b on b.id = p.boss_id where p.name = 'n${round}'`,
    );
    expect(rows).toEqual([{ note: `n${round}`, boss: 'p9' }]);
  }

  it.each(steps)(
    'a wider type of a key and of what refers to it, made after %s, refuses nobody; the next cutover names both, and a rollback is open',
    async (step) => {
      await run.forward('people', step);
      await writes();
      await database.sql(`alter table people alter id type bigint;
        alter table people alter boss_id type bigint; alter table orders alter person_id type bigint`);
      await writes();
      await expect(run.forward('people')).rejects.toMatchObject({
        code: 'schema.moved',
        message: expect.stringMatching(/column id on people.*column person_id on orders|column boss_id/),
      });
      await writes();
      await run.back('people');
      await writes();
      await run.forward('people');
      await writes();
    },
    60_000,
  );

  it.each(steps)(
    'a table that gets another name after %s is named with it by the next step and by the way back, and both go on with the name given back',
    async (step) => {
      await run.forward('people', step);
      await database.sql('alter table orders rename to purchases');
      const said = 'orders was renamed: it is called purchases now';
      await expect(run.forward('people')).rejects.toMatchObject({
        code: 'schema.moved',
        message: expect.stringContaining(said),
      });
      await expect(run.back('people')).rejects.toThrow(said);
      await database.sql('alter table purchases rename to orders');
      expect(await wayBack(await run.forward('people', step), attempt())).toMatchObject({ open: true });
      await run.back('people');
      await writes();
    },
    60_000,
  );

  it('a reference that is renamed or a table that is dropped is named by the next step, and a rollback leaves it as it is', async () => {
    await run.forward('people', 'buildTwins');
    await database.sql('alter table people rename boss_id to chief_id; drop table orders');
    await expect(run.forward('people')).rejects.toMatchObject({
      code: 'schema.moved',
      message: expect.stringMatching(
        /people\.boss_id was renamed: it is called chief_id now; gone: orders\.person_id, orders\.id/,
      ),
    });
    await run.back('people');
    await app.query(`insert into people (name, chief_id) select 'new', id from people where name = 'p1'`);
  }, 60_000);

  it('a publication of all tables stops the next step by its name, and keeps neither a rollback nor clients from their work', async () => {
    await run.forward('people', 'buildTwins');
    await database.superuser('create publication everything for all tables');
    await writes();
    await expect(run.forward('people')).rejects.toThrow(/publication everything/);
    await run.back('people');
    await writes();
  }, 60_000);

  it('a statistics target of a reference is left as others set it, and a rollback that finds nothing else is well', async () => {
    await run.forward('people', 'map');
    await database.sql('alter table orders alter person_id set statistics 500');
    await run.back('people');
    expect(
      await database.sql(
        `select attstattarget::int as target from pg_attribute where attrelid = 'orders'::regclass and attname = 'person_id'`,
      ),
    ).toEqual([{ target: 500 }]);
  }, 60_000);

  it('a default that somebody gave a key after the cutover stays in cleanup, and one is set where there is none', async () => {
    await run.forward('people');
    await database.sql('alter table people alter id set default gen_random_uuid()');
    await writes();
    await run.forward('cleanup');
    await database.sql('drop schema rekey cascade');
    expect(
      await database.sql(
        `select adrelid::regclass::text as table, pg_get_expr(adbin, adrelid) as given from pg_attrdef order by 1`,
      ),
    ).toEqual([
      { table: 'orders', given: 'uuidv7()' },
      { table: 'people', given: 'gen_random_uuid()' },
    ]);
    await writes();
  }, 60_000);

  it('a wider type of an adopted key refuses nobody who changes its row, and its children follow', async () => {
    const plan = `version: 1
plan: bound
phases:
  - { phase: foundation, kind: foundation }
  - { phase: cards, tables: [people, { table: cards, key: { adopt: person_id, as: id } }] }
`;
    const other = await connectedDatabase();
    const client = await other.app();
    await other.sql(schema);
    await other.sql(`create table cards (card_id serial primary key, person_id integer not null unique references people);
      create table visits (what text unique, card_id integer references cards);
      insert into cards (person_id) select id from people where id <= 5;
      insert into visits select 'v' || card_id, card_id from cards`);
    const bound = new LocalRun(other.connection, plan);
    await bound.forward('foundation');
    await bound.forward('cards', 'map');
    const hands = async (from: number, to: number) => {
      await client.query('update cards set person_id = $2::int8 where person_id = $1::int8', [from, to]);
      const follows = await other.sql(
        `select v.card_id_uuid = p.uuid_id as follows from visits v join cards c on c.card_id = v.card_id
           join people p on p.id = c.person_id where p.id = ${to}`,
      );
      expect(follows).toEqual([{ follows: true }]);
    };
    await hands(1, 11);
    await other.sql('alter table cards alter person_id type bigint');
    await hands(2, 12);
    await expect(bound.forward('cards')).rejects.toMatchObject({
      code: 'schema.moved',
      message: expect.stringContaining('column person_id on cards'),
    });
    await bound.back('cards');
    bound.end();
    await other.drop();
  }, 60_000);
});
