import { undoAll } from '../../activities/undo-all.js';
import { LocalRun } from '../activities/local-run.js';
import { dumpOf } from '../activities/reference-database.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';

const version = testVersions()[0] as number;
const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people, orders] }
`;
const schema = `
create table people (id serial primary key, boss_id integer references people, name text not null);
create table orders (id serial primary key, person_id integer not null references people);
create table lines (id serial primary key, order_id integer not null references orders, person_id integer references people);
insert into people (boss_id, name) select nullif(n / 3, 0), 'p' || n from generate_series(1, 30) n;
insert into orders (person_id) select n % 30 + 1 from generate_series(1, 60) n;
insert into lines (order_id, person_id) select n, n % 30 + 1 from generate_series(1, 60) n;
`;

describe('Before the cutover somebody drops', () => {
  let database: ConnectedDatabase;
  let control: ConnectedDatabase;
  let run: LocalRun;

  beforeEach(async () => {
    // the control never meets Rekey: what its dump says is what a rollback has to give back
    [database, control] = await Promise.all([connectedDatabase(version), connectedDatabase(version)]);
    for (const one of [database, control]) await one.sql(schema);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  });
  afterEach(async () => {
    run.end();
    await Promise.all([database.drop(), control.drop()]);
  });

  const undo = () =>
    undoAll({
      connection: database.connection,
      by: 'ann',
      foundation: false,
      signal: new AbortController().signal,
      say: () => undefined,
    });
  const back = { 'a rollback': () => run.back('people'), 'an undo': undo };
  const steps = ['map', 'buildTwins'] as const;
  const changes = {
    'tables of the phase': ['drop table lines; drop table orders', ['table lines', 'table orders']],
    'a reference': ['alter table people drop column boss_id', ['column boss_id on people']],
    'a key, with its references': ['alter table orders drop column id cascade', ['column id on orders']],
  } as const;

  it.each(
    Object.entries(changes).flatMap(([what, [sql, named]], i) =>
      Object.entries(back).map(
        ([name, go], k) => [what, name, steps[(i + k) % 2] as 'map', { sql, named, go }] as const,
      ),
    ),
  )('%s: %s ends after %s, and leaves all else as it was, to the byte', async (_, _name, step, change) => {
    const { sql, named, go } = change;
    await run.forward('people', step);
    for (const one of [database, control]) await one.sql(sql);
    await go();
    expect(await database.sql(`select state from rekey.phase where phase = 'people'`)).toEqual([
      { state: 'rolled-back' },
    ]);
    const notes = `select object from rekey.journal where kind = 'note' and detail ? 'notCompared' order by object`;
    expect(await database.sql(notes)).toEqual(named.map((object) => ({ object })));
    expect(await dumpOf(database.ownerUrl, version)).toBe(await dumpOf(control.ownerUrl, version));
  });

  it.each(['uuid_id', 'boss_id_uuid'])(
    'the shadow %s: its sister goes, too, and all is as it was',
    async (shadow) => {
      await run.forward('people', 'map');
      await database.sql(`alter table people drop column ${shadow}`);
      await undo();
      expect(await dumpOf(database.ownerUrl, version)).toBe(await dumpOf(control.ownerUrl, version));
    },
  );

  it.each(['uuid_id', 'boss_id_uuid'])(
    'the shadow %s: it is there again before the map, and filled again before the twins',
    async (shadow) => {
      const filled = () =>
        database.sql(`select count(${shadow})::int as n, min(${shadow}::text) as least from people`);
      await run.forward('people', 'addColumns');
      await database.sql(`alter table people drop column ${shadow}`);
      await run.forward('people', 'map');
      const mapped = await filled();
      expect(mapped[0]?.n).toBeGreaterThan(0);
      await database.sql(`alter table people drop column ${shadow}`);
      await run.forward('people', 'buildTwins');
      expect(await filled()).toEqual(mapped);
    },
  );
});
