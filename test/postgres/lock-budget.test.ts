import type { Client } from 'pg';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession, withSession } from '../../src/postgres/connect.js';
import { longestLock, readJournal } from '../../src/postgres/journal-reader.js';
import { type LockRequest, withLocks } from '../../src/postgres/lock-budget.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

let database: ConnectedDatabase;
let session: Session;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const request = (change: Partial<LockRequest> = {}): LockRequest => ({
  tables: ['public.child', 'public.parent'],
  mode: 'access exclusive',
  budget: { quietWait: 2_000, stall: 150, tries: 30, within: 20_000 },
  statementTimeout: 5_000,
  ...change,
});

beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
  await createRekeySchema(session);
  await database.sql('create table public.parent (id integer primary key, name text)');
  await database.sql(
    'create table public.child (id integer primary key, parent_id integer references public.parent)',
  );
  await database.sql(
    'create view public.both_of_them as select c.id, p.name from public.child c join public.parent p on p.id = c.parent_id',
  );
  await database.sql('create view public.over_it as select * from public.both_of_them');
  await database.sql(`insert into public.parent select n, 'p' || n from generate_series(1, 20000) n`);
  await database.sql('insert into public.child select n, n from generate_series(1, 20000) n');
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await session.close();
  await database.drop();
});
const stops: (() => Promise<unknown>)[] = [];
/** A transaction that has read a table and stays open for a while. */
async function report(): Promise<Client> {
  const client = await database.app();
  await client.query('begin');
  await client.query('select count(*) from public.parent');
  await wait(200);
  stops.push(() => client.query('rollback'));
  return client;
}

/** Clients that repeat a transaction until they are told to stop; answers with the longest time one took and the errors. */
async function clients(count: number, work: (client: Client) => Promise<void>) {
  let running = true;
  let longest = 0;
  const errors: string[] = [];
  const all = Array.from({ length: count }, async () => {
    const client = await database.app();
    while (running) {
      const started = Date.now();
      await work(client).catch(async (error) => {
        errors.push(error.code ?? error.message);
        await client.query('rollback').catch(() => undefined);
      });
      longest = Math.max(longest, Date.now() - started);
      await wait(Math.random() * 5);
    }
    await client.end();
  });
  await wait(300);
  const stop = async () => {
    running = false;
    await Promise.all(all);
    return { longest, errors };
  };
  stops.push(stop);
  return { stop };
}

test('the work runs under all locks, is committed, and the journal says how long they were held', async () => {
  const had = await withLocks(
    session,
    request({
      journal: { phase: 'users', step: 'swapKeys', object: 'parent' },
      views: ['public.over_it', 'public.both_of_them'],
    }),
    async () => {
      const rows = await session.query<{ name: string }>(
        `select distinct relation::regclass::text as name from pg_catalog.pg_locks
         where pid = pg_backend_pid() and mode = 'AccessExclusiveLock' and locktype = 'relation' order by 1`,
      );
      expect(rows.map((row) => row.name)).toEqual([
        'public.both_of_them',
        'public.child',
        'public.over_it',
        'public.parent',
      ]);
      await session.execute('create table public.made (id integer)');
      return 'done';
    },
  );
  expect(had).toMatchObject({ value: 'done', tries: 1 });
  expect(await database.sql('select * from public.made')).toEqual([]);
  expect(await longestLock(session, 'users')).toBeCloseTo(had.heldMs);
  expect(await readJournal(session, { kinds: ['locks'] })).toMatchObject([
    { object: 'parent', detail: { tries: 1, relations: 4 } },
  ]);
});

test('what fails under the locks is rolled back with its own error, and nothing is held afterwards', async () => {
  const work = withLocks(session, request(), async () => {
    await session.execute('create table public.not_made (id integer)');
    await session.query('select 1/0');
  });
  await expect(work).rejects.toMatchObject({ sqlstate: '22012' });
  expect(await database.sql(`select to_regclass('public.not_made') as it`)).toEqual([{ it: null }]);
  expect(session.inTransaction).toBe(false);
});

test('a statement that runs out of time under the locks is not tried again', async () => {
  let runs = 0;
  const work = withLocks(session, request({ statementTimeout: 100 }), async () => {
    runs += 1;
    await session.query('select pg_sleep(2)');
  });
  await expect(work).rejects.toMatchObject({ sqlstate: '57014' });
  expect(runs).toBe(1);
});

test('behind a report that has just begun clients wait for a third of the budget, and no second time', async () => {
  const reader = await database.app();
  const writer = await database.app();
  await reader.query('begin; select count(*) from public.parent');
  const budget = { ...request().budget, stall: 600 };
  const locks = withLocks(session, request({ tables: ['public.parent'], budget }), async () => undefined);
  // it is in the queue, and the writer behind it
  const queued = `select from pg_locks where mode = 'AccessExclusiveLock' and not granted`;
  while ((await database.sql(queued)).length === 0) await wait(2);
  const began = performance.now();
  await writer.query(`update public.parent set name = 'p7' where id = 7`);
  expect(performance.now() - began).toBeLessThan(450);
  await wait(700);
  const again = performance.now();
  await writer.query(`update public.parent set name = 'p7' where id = 7`);
  expect(performance.now() - again).toBeLessThan(150);
  await reader.query('rollback');
  expect((await locks).tries).toBeLessThanOrEqual(3);
});

test('behind a long report no client waits: it looks before it asks, and says who is in the way', async () => {
  await report();
  const others = await clients(2, async (client) => {
    await client.query('select name from public.parent where id = 7');
  });
  const seen: string[] = [];
  const work = withLocks(
    session,
    request({
      budget: { quietWait: 500, stall: 150, tries: 30, within: 1_500 },
      onWait: ({ because }) => seen.push(because),
    }),
    async () => undefined,
  );
  await expect(work).rejects.toMatchObject({
    type: 'Transient',
    code: 'locks.not-had',
    message: expect.stringMatching(/in 0 tries within .* held by pid \d+ \(test client, \d+\.\d s\)/),
  });
  expect((await others.stop()).longest).toBeLessThan(140);
  expect(seen.length).toBeGreaterThan(5);
});

test('who reads a partition stands in the way of its table', async () => {
  await database.sql('create table public.parts (id integer) partition by list (id)');
  await database.sql('create table public.part_1 partition of public.parts for values in (1)');
  const reader = await database.app();
  await reader.query('begin');
  await reader.query('select * from public.part_1');
  stops.push(() => reader.query('rollback'));
  await wait(200);
  const work = withLocks(
    session,
    request({ tables: ['public.parts'], budget: { quietWait: 200, stall: 150, tries: 30, within: 600 } }),
    async () => undefined,
  );
  await expect(work).rejects.toMatchObject({ message: expect.stringContaining('in 0 tries') });
});

test('work that runs into a deadlock under the locks is rolled back and done again', async () => {
  let runs = 0;
  const had = await withLocks(session, request(), async () => {
    runs += 1;
    await session.execute('create table public.made_once (id integer)');
    if (runs === 1)
      await session.query(`do $$ begin raise exception 'as if' using errcode = '40P01'; end $$`);
  });
  expect([runs, had.tries]).toEqual([2, 2]);
});

test('as soon as the report ends, the locks are had', async () => {
  const reporting = await report();
  setTimeout(() => reporting.query('commit'), 1_000);
  const had = await withLocks(session, request(), async () => 'in');
  expect(had.value).toBe('in');
});

test('clients that lock the tables in the other order never deadlock with it, and it gets in', async () => {
  const busy = await clients(6, async (client) => {
    await client.query('begin');
    const n = 1 + Math.floor(Math.random() * 20_000);
    await client.query('update public.parent set name = name where id = $1', [n]);
    await client.query('select pg_sleep(0.005)');
    await client.query('update public.child set parent_id = parent_id where id = $1', [n]);
    await client.query('commit');
  });
  for (let turn = 0; turn < 6; turn += 1) {
    const had = await withLocks(session, request(), async () => undefined);
    expect(had.heldMs).toBeLessThan(1_000);
  }
  expect((await busy.stop()).errors).toEqual([]);
});

test('clients that read a view never deadlock with a cutover that drops it', async () => {
  const busy = await clients(8, async (client) => {
    await client.query('select * from public.over_it where id = $1', [
      1 + Math.floor(Math.random() * 20_000),
    ]);
  });
  for (let turn = 0; turn < 6; turn += 1) {
    await withLocks(session, request({ views: ['public.over_it', 'public.both_of_them'] }), async () => {
      await session.execute('drop view public.over_it');
      await session.execute('create view public.over_it as select * from public.both_of_them');
      await session.execute('grant select on public.over_it to app_rw');
    });
  }

  expect((await busy.stop()).errors).toEqual([]);
});

test('a vacuum that does not yield ends it with a clear word, and no client waits', async () => {
  const vacuum = await openSession(database.connection, 'vacuum');
  const holding = vacuum.transaction(async () => {
    await vacuum.execute('lock table public.parent in share update exclusive mode');
    await wait(2_500);
  });
  await wait(50);
  const others = await clients(2, async (client) => {
    await client.query(`update public.parent set name = 'n' where id = 9`);
  });
  const work = withLocks(
    session,
    request({ budget: { quietWait: 400, stall: 150, tries: 30, within: 1_200 } }),
    async () => undefined,
  );
  await expect(work).rejects.toMatchObject({
    code: 'locks.not-had',
    message: expect.stringContaining('rekey vacuum'),
  });
  expect((await others.stop()).longest).toBeLessThan(140);
  await holding;
  await vacuum.close();
});

test('share row exclusive goes in beside readers and waits for writers', async () => {
  await report();
  const had = await withLocks(session, request({ mode: 'share row exclusive' }), async () => 'in');
  expect(had.tries).toBe(1);
});

test('a cancellation ends the waiting with its own reason and leaves no lock', async () => {
  await report();
  const stop = new AbortController();
  const reason = new Error('cancelled');
  setTimeout(() => stop.abort(reason), 300);
  const started = Date.now();
  await expect(
    session.cancellable(stop.signal, () => withLocks(session, request(), async () => undefined)),
  ).rejects.toBe(reason);
  expect(Date.now() - started).toBeLessThan(1_500);
  await withSession(database.connection, 'after', async (other) => {
    const rows = await other.query(
      'select mode from pg_catalog.pg_locks where pid = $1::integer and locktype = $2',
      [session.pid, 'relation'],
    );
    expect(rows).toEqual([]);
  });
});

test('tables are asked for as given, then reversed, then shuffled, and views first but for every third try', async () => {
  const orders: string[] = [];
  const execute = session.execute.bind(session);
  const spy = jest.spyOn(session, 'execute').mockImplementation(async (text: string, values?: unknown[]) => {
    if (text.includes('access exclusive')) {
      orders.push(text);
      if (orders.length < 4) return execute(`select pg_sleep(5)`);
    }
    return execute(text, values);
  });
  await withLocks(
    session,
    request({ views: ['public.over_it'], budget: { ...request().budget, stall: 20 } }),
    async () => undefined,
  );
  spy.mockRestore();
  expect(orders.slice(0, 2)).toEqual([
    'lock table public.over_it, public.child, public.parent in access exclusive mode',
    'lock table public.over_it, public.parent, public.child in access exclusive mode',
  ]);
  expect(orders[2]).toMatch(/^lock table .*, public\.over_it in/);
  expect(orders[3]).toMatch(/^lock table public\.over_it, /);
});
