import type { Client } from 'pg';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

const plan = `version: 1
plan: unusual
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

/** NULLS NOT DISTINCT came with PostgreSQL 15. */
const schemaOf = (version: number) => `
create table people (id serial primary key, name text not null unique);
create table slots (person_id integer references people on update cascade on delete cascade, code text, primary key (person_id, code));
create table bookings (note text primary key, person_id integer, code text,
  foreign key (person_id, code) references slots match full on update cascade on delete set null);
create table fallbacks (note text primary key, person_id integer default 1 references people on delete set default);
create table seats (note text primary key, person_id integer references people, unique ${version < 15 ? '' : 'nulls not distinct'} (person_id));
insert into people (name) select 'p' || n from generate_series(1, 9) n;
insert into slots select n, 's' || n from generate_series(1, 9) n;
insert into bookings select 'b' || n, n, 's' || n from generate_series(1, 5) n;
insert into bookings values ('nobody', null, null);
insert into fallbacks select 'f' || n, n from generate_series(1, 9) n;
insert into seats select 'c' || n, n from generate_series(1, 5) n;
insert into seats values ('free', null);
`;

describe.each(testVersions())('References of the rarer kinds, on PostgreSQL %i', (version) => {
  let database: ConnectedDatabase;
  let app: Client;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase(version);
    await database.sql(schemaOf(version));
    app = await database.app();
    run = new LocalRun(database.connection, plan);
  });
  afterAll(async () => {
    run.end();
    await database.drop();
  });

  /** The SQLSTATE with which the application is refused, or `done`. */
  const says = (sql: string) =>
    app.query(sql).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
  const idOf = (name: string) => `(select id from people where name = '${name}')`;
  const names = async (table: string, where: string) =>
    (
      await app.query<{ name: string | null }>(
        `select p.name from ${table} t left join people p on p.id = t.person_id where ${where} order by 1`,
      )
    ).rows.map(({ name }) => name);

  const matchFull = async (slot: string) => {
    const before = await names('bookings', 'true');
    // half a reference is none, whatever its other half
    expect(await says(`insert into bookings (note, person_id, code) values ('half', null, '${slot}')`)).toBe(
      '23503',
    );
    expect(
      await says(`insert into bookings (note, person_id, code) values ('half', ${idOf('p6')}, null)`),
    ).toBe('23503');
    expect(await says(`update bookings set person_id = null where note = 'b1'`)).toBe('23503');
    expect(await names('bookings', 'true')).toEqual(before);
    expect(
      await says(`insert into bookings (note, person_id, code) values ('whole', ${idOf('p6')}, 's6')`),
    ).toBe('done');
    expect(await says(`insert into bookings (note, person_id, code) values ('none', null, null)`)).toBe(
      'done',
    );
    expect(await names('bookings', `t.note in ('whole', 'none')`)).toEqual(['p6', null]);
    await app.query(`delete from bookings where note in ('whole', 'none')`);
  };

  const oneNull = async () => {
    expect(await says(`insert into seats (note, person_id) values ('second', null)`)).toBe('23505');
    expect(await says(`update seats set person_id = null where note = 'c1'`)).toBe('23505');
    expect(await says(`insert into seats (note, person_id) values ('taken', ${idOf('p2')})`)).toBe('23505');
    expect(
      await says(
        `insert into seats (note, person_id) values ('up', null) on conflict (person_id) do nothing`,
      ),
    ).toBe('done');
    expect(await names('seats', 'true')).toEqual(['p1', 'p2', 'p3', 'p4', 'p5', null]);
  };

  /** Somebody goes, and what was his is the first one's. */
  const fallsBack = async (name: string, note: string) => {
    expect(await says(`delete from bookings where person_id = ${idOf(name)}`)).toBe('done');
    expect(await says(`delete from people where name = '${name}'`)).toBe('done');
    expect(await names('fallbacks', `t.note = '${note}'`)).toEqual(['p1']);
  };

  const everything = async (name: string, note: string) => {
    await matchFull('s7');
    if (version >= 15) await oneNull();
    await fallsBack(name, note);
  };

  const definitions = async () =>
    (
      await database.sql(
        `select conname || ' ' || pg_get_constraintdef(oid) as text from pg_constraint
         where connamespace = 'public'::regnamespace order by 1`,
      )
    ).map(({ text }) => text);

  it('keep their meaning before the cutover, after it and after the way back: half a MATCH FULL reference is refused, a second null that is not distinct too, and SET DEFAULT leads to the default', async () => {
    const before = await definitions();
    await run.forward('foundation');
    await run.forward('main', 'buildTwins');
    await everything('p9', 'f9');
    await run.forward('main');
    const [{ type } = { type: '' }] = await database.sql(
      `select pg_typeof(person_id)::text as type from seats limit 1`,
    );
    expect(type).toBe('uuid');
    await everything('p8', 'f8');
    await run.back('main');
    await everything('p7', 'f7');
    // no row is left in bookings or fallbacks that leads elsewhere than it did
    expect(await names('fallbacks', 'true')).toEqual([...Array(4).fill('p1'), 'p2', 'p3', 'p4', 'p5', 'p6']);
    expect(await definitions()).toEqual(before);
  }, 120_000);
});
