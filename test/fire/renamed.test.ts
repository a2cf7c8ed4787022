import type pg from 'pg';
import { LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people, orders, profiles, visits] }
  - { phase: cleanup, kind: cleanup }
`;
const schema = `
create schema crm;
create table people (id serial primary key, boss_id integer references people, name text not null unique);
create table orders (id serial primary key, person_id integer not null references people on delete cascade, giver_id integer references people, note text not null unique);
create table profiles (id integer primary key references people deferrable initially deferred, motto text);
create table visits (id serial primary key, profile_id integer not null references profiles deferrable initially deferred);
insert into people (boss_id, name) select nullif(n / 3, 0), 'p' || n from generate_series(1, 30) n;
insert into orders (person_id, giver_id, note) select n % 30 + 1, nullif(n % 7, 0), 'o' || n from generate_series(1, 60) n;
`;
const names = {
  people: 'people',
  profiles: 'profiles',
  profile: 'profile_id',
  profileKey: 'id',
  orders: 'orders',
  key: 'id',
  buyer: 'person_id',
  giver: 'giver_id',
};
type Names = typeof names;

/** Who has what, by names: what clients know, whatever the keys and columns are called. */
const known = ({ people, orders, key, buyer, giver }: Names) =>
  `select o.note, b.name as buyer, g.name as giver from ${orders} o join ${people} b on b.${key} = o.${buyer} left join ${people} g on g.${key} = o.${giver} order by 1`;

describe('A column or table of the phase that the application', () => {
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
    await app.end();
    run.end();
    await database.drop();
  });

  /** Refused nothing, and all of it is there afterwards. */
  async function writes(n: Names): Promise<void> {
    round += 1;
    const ask = async (text: string, values: unknown[] = []) => (await app.query(text, values)).rows;
    const keyOf = async (name: string) =>
      (await ask(`select ${n.key} as key from ${n.people} where name = $1`, [name]))[0].key;
    const boss = await keyOf('p3');
    await ask(`insert into ${n.people} (name, boss_id) values ($1, $2)`, [`new ${round}`, boss]);
    await ask(`insert into ${n.people} (name) values ($1)`, [`lonely ${round}`]);
    const [made, lonely] = [await keyOf(`new ${round}`), await keyOf(`lonely ${round}`)];
    await ask(`insert into ${n.orders} (${n.buyer}, ${n.giver}, note) values ($1, $2, $3), ($4, null, $5)`, [
      made,
      boss,
      `first ${round}`,
      boss,
      `second ${round}`,
    ]);
    await ask(`update ${n.orders} set ${n.buyer} = $1 where note = $2`, [lonely, `second ${round}`]);
    await ask(`update ${n.orders} set ${n.giver} = $1 where note = 'o1'`, [made]);
    await ask(`update ${n.people} set name = name || '!' where name = 'p9' || repeat('!', $1 - 1)`, [round]);
    await ask(`update ${n.people} set boss_id = $1 where name = 'p5'`, [made]);
    await ask(`delete from ${n.orders} where note = $1`, [`o${50 + (round % 10)}`]);
    // the child first, so that its profile has to bring it along
    await ask('begin');
    await ask(`insert into visits (${n.profile}) values ($1)`, [made]);
    await ask(`insert into ${n.profiles} (${n.profileKey}, motto) values ($1, 'm')`, [made]);
    await ask('commit');
    const rows = await ask(known(n));
    expect(rows).toContainEqual({ note: `first ${round}`, buyer: `new ${round}`, giver: 'p3' });
    expect(rows).toContainEqual({ note: `second ${round}`, buyer: `lonely ${round}`, giver: null });
    expect(rows).toContainEqual({ note: 'o1', buyer: 'p2', giver: `new ${round}` });
    const [p5] = await ask(
      `select b.name from ${n.people} p join ${n.people} b on b.${n.key} = p.boss_id where p.name = 'p5'`,
    );
    expect(p5).toEqual({ name: `new ${round}` });
  }

  const renames: Record<string, [string, string, Partial<Names>]> = {
    'a reference': [
      'alter table orders rename person_id to buyer_id',
      'alter table orders rename buyer_id to person_id',
      { buyer: 'buyer_id' },
    ],
    'a key': [
      'alter table people rename id to person_key',
      'alter table people rename person_key to id',
      { key: 'person_key' },
    ],
    'a table that others refer to': [
      'alter table people rename to persons',
      'alter table persons rename to people',
      { people: 'persons' },
    ],
    'a key that is shared': [
      'alter table profiles rename id to person',
      'alter table profiles rename person to id',
      { profileKey: 'person' },
    ],
    'a table whose key is shared': [
      'alter table profiles rename to cards',
      'alter table cards rename to profiles',
      { profiles: 'cards' },
    ],
    'a reference to a shared key': [
      'alter table visits rename profile_id to card_id',
      'alter table visits rename card_id to profile_id',
      { profile: 'card_id' },
    ],
    'a table, into another schema': [
      'alter table people set schema crm; grant usage on schema crm to public',
      'alter table crm.people set schema public; revoke usage on schema crm from public',
      { people: 'crm.people' },
    ],
  };

  it('renames locks no client out at any step, and with the names back the phase goes there, back and there again', async () => {
    const meanwhile = async () => {
      for (const [there, back, changed] of Object.values(renames)) {
        await writes(names);
        await database.sql(there);
        await writes({ ...names, ...changed });
        await database.sql(back);
      }
      await writes(names);
    };
    await run.forward('people', 'addColumns');
    await meanwhile();
    await run.forward('people', 'buildTwins');
    await meanwhile();
    await run.forward('people');
    await meanwhile();
    const before = await database.sql(known(names));
    await run.back('people');
    expect(await database.sql(known(names))).toEqual(before);
    await writes(names);
    await run.forward('people');
    await writes(names);
  }, 60_000);

  const drops = {
    'references, a legacy reference and a key': `alter table orders drop column giver_id, drop column legacy_person_id;
      alter table visits drop column id`,
    'tables and a legacy key':
      'drop table visits; drop table profiles; alter table orders drop column legacy_id',
    'a table that others refer to':
      'alter table orders drop column giver_id; drop table people cascade; alter table visits rename profile_id to card_id',
  };
  it.each(Object.entries(drops))(
    'drops after the cutover (%s) locks nobody out; the way back stays closed, and cleanup goes on without it',
    async (_, sql) => {
      await run.forward('people');
      await database.sql(sql);
      const write = async () => {
        round += 1;
        const [one] = (await app.query('select person_id from orders limit 1')).rows;
        await app.query('insert into orders (person_id, note) values ($1, $2)', [
          one.person_id,
          `x ${round}`,
        ]);
        await app.query(`update orders set note = note || '!' where note = 'o1'`);
        if (!sql.includes('table people')) {
          await app.query(`insert into people (name) values ($1)`, [`x ${round}`]);
          await app.query(
            'update orders set person_id = (select id from people where name = $1) where note = $1',
            [`x ${round}`],
          );
        }
        if (sql.includes('visits drop'))
          await app.query('insert into visits (profile_id) select id from profiles limit 1');
      };
      await write();
      await expect(run.back('people')).rejects.toThrow(
        /the way back is closed: .* gone: .*; a name that is given back opens the way again, without what was dropped there is cleanup only/,
      );
      await write();
      await run.forward('cleanup');
      await write();
      expect(
        await database.sql(
          `select object, detail ? 'goesOnWithout' as named from rekey.journal where step = 'dropLegacy' and kind = 'note'`,
        ),
      ).toEqual([{ object: 'columns that others have dropped', named: true }]);
      await database.sql('drop schema rekey cascade');
      await write();
      const left = `select attrelid::regclass::text, attname from pg_attribute where attname like 'legacy%'`;
      expect(await database.sql(left)).toEqual([]);
    },
    60_000,
  );

  it('renames after the cutover stops cleanup with the name it has now where cleanup needs it, and not where it does not', async () => {
    await run.forward('people');
    await database.sql(`alter table people rename id to person_key; alter table visits rename legacy_id to old;
      alter table profiles rename to cards; alter table orders rename person_id to buyer_id`);
    const said = await run.forward('cleanup').catch((e) => e.message);
    for (const name of ['people.id', 'visits.legacy_id', 'profiles'])
      expect(said).toContain(`phase-column-gone on ${name}`);
    expect(said).toContain('people.id was renamed: it is called person_key now');
    expect(said).toContain('profiles was renamed: it is called cards now');
    expect(said).not.toContain('person_id');
    await database.sql(`alter table people rename person_key to id; alter table visits rename old to legacy_id;
      alter table cards rename to profiles`);
    await run.forward('cleanup');
    await writes({ ...names, buyer: 'buyer_id' });
  });
});
