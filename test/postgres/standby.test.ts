import { Client } from 'pg';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { withLocks } from '../../src/postgres/lock-budget.js';
import type { Session } from '../../src/postgres/session.js';
import { signalReader } from '../../src/postgres/signals.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { Scene } from '../checks/fixture.js';
import { startStandby } from './standby.js';

let primary: PostgresServer;
let standby: { url: string; stop: () => Promise<void> };
let session: Session;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const clientOf = async (url: string) => {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

beforeAll(async () => {
  primary = await startPostgres({ own: true });
  const admin = await clientOf(primary.superuserUrl);
  await admin.query('create table child (id integer); create table parent (id integer)');
  await admin.end();
  standby = await startStandby(primary);
  process.env[connectionVariable('replicated')] = primary.superuserUrl;
  session = await openSession('replicated', 'test');
  await createRekeySchema(session);
});
afterAll(async () => {
  await session?.close();
  await standby?.stop();
  await primary?.stop();
});

test('after a missed try it waits until a standby, held up by a report, has replayed that try', async () => {
  const report = await clientOf(standby.url);
  await report.query('begin isolation level repeatable read');
  await report.query('select count(*) from child');
  const read = signalReader('users');
  await read(session);

  // young enough not to be seen as an old holder, there long enough to miss the first try
  const busy = await clientOf(primary.superuserUrl);
  await busy.query('begin; select count(*) from parent');
  setTimeout(() => busy.query('rollback'), 250);
  const started = Date.now();
  const reasons = new Set<string>();
  const getting = withLocks(
    session,
    {
      tables: ['public.child', 'public.parent'],
      mode: 'access exclusive',
      budget: { quietWait: 2_000, stall: 200, tries: 5, within: 20_000 },
      statementTimeout: 1_000,
      onWait: ({ because }) => reasons.add(because),
    },
    async () => 'in',
  );
  await wait(2_000);
  const watcher = await openSession('replicated', 'watcher');
  const { replicaLag } = await read(watcher);
  expect(replicaLag).toBeGreaterThan(1_000);
  await report.query('commit');
  const ended = Date.now();
  expect(await getting).toMatchObject({ value: 'in', tries: 2 });
  expect(Date.now() - started).toBeGreaterThanOrEqual(ended - started);
  expect([...reasons]).toContain('a standby has not replayed the last try');
  for (let i = 0; i < 50 && ((await read(watcher)).replicaLag as number) > 0; i += 1) await wait(100);
  expect((await read(watcher)).replicaLag).toBe(0);
  await Promise.all([report.end(), busy.end(), watcher.close()]);
});

test('preflight says for how long a report on the standby can hold up replay, and of what', async () => {
  const scene = await Scene.open(undefined, primary);
  try {
    const { notes, unhandled } = await scene.judged();
    expect(unhandled).toEqual([]);
    expect(notes.filter((note) => note.hazard === 'standby-replay')).toEqual([
      {
        hazard: 'standby-replay',
        rank: 'note',
        on: 'standby walreceiver',
        message: expect.stringMatching(
          /while a report there reads one of the phase's 3 tables, replay of the whole server stands still, .*max_standby_streaming_delay/,
        ),
        remedy: expect.stringContaining('let no long report run there during addColumns'),
      },
    ]);
  } finally {
    await scene.close();
  }
});
