import type { Work } from '../../src/catalog/kind.js';
import { isSeen } from '../../src/catalog/observe.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { startPostgres } from '../../src/servers/postgres.js';
import { batchSql, passSql } from '../../src/substitution/map.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { Scene, shopPlan } from '../checks/fixture.js';
import { figure } from '../figures.js';
import { testVersions } from '../servers.js';

/** What FACTS saw of locks that needs a scenario of its own. */
describe('A batch of map and a client that inserts a child of its rows', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open();
    await createRekeySchema(scene.session, serverFunctions);
    const { statements } = await scene.look();
    for (const work of statements.addColumns.up) await scene.session.query(work.text);
  });
  afterAll(() => scene.close());

  const unfilled = async () =>
    (await scene.db.sql('select count(*)::int as n from people where uuid_id is null'))[0]?.n as number;

  it('do not wait for each other: the parent is filled beside an open insert, and a child goes in beside an open batch', async () => {
    const { view } = scene.phase();
    const child = await scene.db.app();
    await child.query('begin; insert into orders (person_id, no) values (7, 7000)');
    await scene.session.transaction(async () => {
      // what waits here waits for a client, and what skips the row leaves it for later
      await scene.session.execute(`set local lock_timeout = '1s'`);
      await scene.session.execute(passSql(view, 'people'), [0, 1_000_000, 64]);
      expect(await scene.session.query('select from public.people where uuid_id is null')).toEqual([]);
      const another = await scene.db.app();
      await another.query(`set lock_timeout = '1s'; insert into orders (person_id, no) values (8, 8000)`);
    });
    await child.query('commit');
    expect(await unfilled()).toBe(0);
  }, 60_000);

  it('the batch passes over a row that a client changes, and takes it in the end', async () => {
    const { view } = scene.phase();
    await scene.db.sql(
      'alter table people disable trigger "~rekey_main"; update people set uuid_id = null; alter table people enable always trigger "~rekey_main"',
    );
    const client = await scene.db.app();
    await client.query(`begin; update people set name = 'held' where id = 9`);
    await scene.session.execute(`set lock_timeout = '1s'`);
    await scene.session.execute(batchSql(view, 'people', false), [0, 1_000_000]);
    expect(await unfilled()).toBe(1);
    await client.query('commit');
    await scene.session.execute(batchSql(view, 'people', true), [0, 1_000_000]);
    expect(await unfilled()).toBe(0);
  }, 60_000);

  it('that will not wait for its rows is refused, or passes over them, for as long as the batch is open and no longer', async () => {
    const { view } = scene.phase();
    await scene.db.sql(
      'alter table people disable trigger "~rekey_main"; update people set uuid_id = null where id in (3, 4); alter table people enable always trigger "~rekey_main"',
    );
    const client = await scene.db.app();
    const take = (how: string) => client.query(`select id from people where id = 3 for update ${how}`);
    await scene.session.transaction(async () => {
      await scene.session.execute(batchSql(view, 'people', false), [0, 1_000_000]);
      await expect(take('nowait')).rejects.toMatchObject({ code: '55P03' });
      expect((await take('skip locked')).rows).toEqual([]);
      // what a foreign key asks for
      expect(
        (await client.query('select id from people where id = 3 for key share nowait')).rows,
      ).toHaveLength(1);
    });
    expect((await take('nowait')).rows).toHaveLength(1);
    expect(await unfilled()).toBe(0);
  }, 60_000);
});

describe.each(testVersions())('Under a lock for which clients wait, on PostgreSQL %i', (version) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open(undefined, version);
    await createRekeySchema(scene.session, serverFunctions);
    await scene.look();
  });
  afterAll(() => scene.close());

  /** Statements that read a table of the application's from its beginning to its end, of those that hold such a lock. */
  const readers = async (work: Work[]) => {
    const found: string[] = [];
    for (const { text, locks, done, unless } of work) {
      if (done && (await isSeen(scene.session.query, done))) continue;
      if (unless && (await isSeen(scene.session.query, unless))) continue;
      if (typeof locks === 'string') await scene.session.execute(text);
      else await scene.session.transaction(() => watched([text], found));
    }
    return found;
  };

  /** In a transaction: its own scans are counted apart from those of all others. */
  const watched = async (texts: string[], found: string[]) => {
    const scans = `select coalesce(sum(pg_catalog.pg_stat_get_xact_numscans(c.oid)), 0)::float8 as n from pg_catalog.pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`;
    for (const text of texts) {
      const before = await scene.session.one<{ n: number }>(scans);
      await scene.session.execute(text);
      const after = await scene.session.one<{ n: number }>(scans);
      if (after.n > before.n) found.push(text);
    }
  };

  it('no statement reads a table from its beginning to its end, there and back: SET NOT NULL and keys find their proof', async () => {
    const { view, statements } = scene.phase();
    expect(await readers(statements.addColumns.up)).toEqual([]);
    for (const table of view.substitution.tables)
      await scene.session.execute(batchSql(view, table, true), [0, 1_000_000]);
    expect(await readers(statements.finishMap)).toEqual([]);
    expect(await readers(statements.buildTwins.up)).toEqual([]);
    const swapped = statements.swap.map(({ text }) => text);
    let locks = 0;
    const found: string[] = [];
    await scene.session.transaction(async () => {
      await watched(swapped, found);
      const held = await scene.session.one<{ n: number }>(
        `select pg_catalog.count(*)::float8 as n from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and not fastpath`,
      );
      locks = held.n;
    });
    expect(found).toEqual([]);
    expect(await readers(statements.afterSwap)).toEqual([]);
    expect(await readers(statements.beforeSwapBack)).toEqual([]);
    await scene.session.transaction(() =>
      watched(
        statements.swapBack.map(({ text }) => text),
        found,
      ),
    );
    expect(found).toEqual([]);
    expect(await readers(statements.afterSwapBack)).toEqual([]);
    expect(await readers([...statements.buildTwins.down, ...statements.addColumns.down])).toEqual([]);
    figure(`locks held at once by the cutover of three small tables, PostgreSQL ${version}`, locks, 'locks');
  }, 60_000);
});

describe('Lock slots', () => {
  const count = 70;
  const names = Array.from({ length: count }, (_, n) => `t${n}`);

  it('that the cutover of many tables needs are counted beforehand, and too few stop the phase before anything is changed', async () => {
    const server = await startPostgres({
      own: true,
      settings: { max_locks_per_transaction: '10', max_connections: '20' },
    });
    try {
      const scene = await Scene.open(
        names
          .map(
            (t) =>
              `create table ${t} (id serial primary key, name text, boss_id integer not null references ${t} deferrable, unique (boss_id, name)); create index on ${t} (boss_id) where name is not null;`,
          )
          .join('\n'),
        server,
      );
      try {
        const judged = await scene.judged(shopPlan.replace('people, orders', names.join(', ')));
        const found = judged.unhandled.filter((h) => h.hazard === 'too-few-lock-slots');
        expect(found).toMatchObject([
          {
            rank: 'stop',
            on: 'max_locks_per_transaction',
            remedy: expect.stringMatching(/raise max_locks_per_transaction.*fewer tables/),
          },
        ]);
        // half of it fits
        const fewer = await scene.stops(shopPlan.replace('people, orders', names.slice(0, 10).join(', ')));
        expect(fewer).toEqual([]);
        // what is counted is no less than what the cutover takes
        const { view, statements } = await scene.look(
          shopPlan.replace('people, orders', names.slice(0, 10).join(', ')),
        );
        await createRekeySchema(scene.session, serverFunctions);
        for (const work of statements.addColumns.up) await scene.session.execute(work.text);
        for (const table of view.substitution.tables)
          await scene.session.execute(batchSql(view, table, true), [0, 1_000_000]);
        for (const work of [...statements.finishMap, ...statements.buildTwins.up])
          await scene.session.execute(work.text);
        await scene.session.transaction(async () => {
          for (const { text } of statements.swap) await scene.session.execute(text);
          const held = await scene.session.one<{ n: number }>(
            `select pg_catalog.count(*)::float8 as n from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
             where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and c.relnamespace in ('public'::regnamespace, 'pg_toast'::regnamespace, 'rekey'::regnamespace)`,
          );
          const estimate = ((found[0]?.count as number) * 10) / count;
          figure('locks of the cutover, of those that preflight counts', held.n / estimate, 'x');
          expect(held.n).toBeLessThanOrEqual(estimate);
        });
      } finally {
        await scene.close();
      }
    } finally {
      await server.stop();
    }
  }, 120_000);
});
