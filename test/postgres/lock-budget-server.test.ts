import { Client } from 'pg';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { withLocks } from '../../src/postgres/lock-budget.js';
import { signalReader } from '../../src/postgres/signals.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';

let server: PostgresServer;
beforeAll(async () => {
  // both need settings that the shared server does not have
  server = await startPostgres({
    own: true,
    maxPreparedTransactions: 2,
    settings: { autovacuum: 'on', autovacuum_naptime: '1s' },
  });
});
afterAll(() => server.stop());

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('autovacuum yields to the quiet lock, although no try lasts as long as deadlock_timeout, and no client waits', async () => {
  const client = new Client({ connectionString: server.superuserUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`create table dusty (id integer primary key, name text)
    with (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,
      autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 1000000000)`);
  await client.query(`insert into dusty select n, repeat('x', 300) from generate_series(1, 30000) n`);
  await client.query('delete from dusty where id % 2 = 0');
  const vacuuming = async () =>
    (await client.query(`select from pg_stat_progress_vacuum where relid = 'dusty'::regclass`)).rowCount ===
    1;
  for (let i = 0; i < 300 && !(await vacuuming()); i += 1) await wait(100);
  expect(await vacuuming()).toBe(true);

  process.env[connectionVariable('vacuumed')] = server.superuserUrl;
  const session = await openSession('vacuumed', 'test');
  let running = true;
  let longest = 0;
  const reading = (async () => {
    while (running) {
      const started = Date.now();
      await client.query('select count(*) from dusty where id = 7');
      longest = Math.max(longest, Date.now() - started);
      await wait(2);
    }
  })();
  const had = await withLocks(
    session,
    {
      tables: ['public.dusty'],
      mode: 'access exclusive',
      budget: { quietWait: 2_000, stall: 150, tries: 5, within: 20_000 },
      statementTimeout: 1_000,
    },
    async () => 'in',
  );
  running = false;
  await reading;
  expect(had).toMatchObject({ value: 'in', tries: 1 });
  // deadlock_timeout is a second: behind an impatient ALTER the client would have waited that long
  expect(longest).toBeLessThan(700);
  await session.close();
  await client.end();
});

test('a forgotten prepared transaction is named as what stands in the way, and holds the throttle', async () => {
  const client = new Client({ connectionString: server.superuserUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('create table booked (id integer)');
  await client.query(`begin; insert into booked values (1); prepare transaction 'forgotten'`);
  await wait(300);
  process.env[connectionVariable('vacuumed')] = server.superuserUrl;
  const session = await openSession('vacuumed', 'test');
  await createRekeySchema(session);
  const work = withLocks(
    session,
    {
      tables: ['public.booked'],
      mode: 'share row exclusive',
      budget: { quietWait: 100, stall: 150, tries: 5, within: 300 },
      statementTimeout: 1_000,
    },
    async () => 'in',
  );
  await expect(work).rejects.toMatchObject({
    code: 'locks.not-had',
    message: expect.stringContaining('held by prepared transaction forgotten, '),
  });
  expect((await signalReader('users')(session)).oldestTransaction).toBeGreaterThan(250);
  await client.query(`rollback prepared 'forgotten'`);
  await session.close();
  await client.end();
});
