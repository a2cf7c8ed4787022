import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { advanceCursor, planCursors } from '../../src/postgres/cursors.js';
import { writeJournal } from '../../src/postgres/journal.js';
import type { Session } from '../../src/postgres/session.js';
import { metricsOf } from '../../src/report/metrics.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

let database: ConnectedDatabase;
let session: Session;

beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
  await createRekeySchema(session);
}, 120_000);

afterAll(async () => {
  await session?.close();
  await database?.drop();
});

test('a phase that has done nothing has empty figures', async () => {
  expect(await metricsOf(session, 'users')).toEqual({
    statements: 0,
    longestStallMs: null,
    rows: 0,
    tries: 0,
    longestLockMs: 0,
    longestLockStep: null,
    seconds: 0,
    steps: [],
  });
});

test('the journal of a phase is added up by step, and other phases do not count', async () => {
  const step = (name: string, phase = 'users') => ({ phase, step: name });
  await writeJournal(session, step('addColumns'), { kind: 'statement', durationMs: 500 });
  await writeJournal(session, step('addColumns'), { kind: 'statement', durationMs: 1500 });
  await writeJournal(session, step('addColumns'), {
    kind: 'locks',
    durationMs: 30,
    lockWaitMs: 2,
    detail: { tries: 3 },
  });
  await writeJournal(session, step('swapKeys'), {
    kind: 'locks',
    durationMs: 90,
    lockWaitMs: 5,
    detail: { tries: 1 },
  });
  await writeJournal(session, step('swapKeys'), { kind: 'failure' });
  await writeJournal(session, step('swapKeys', 'orders'), { kind: 'locks', durationMs: 900 });
  await planCursors(session, 'users', 'users', [{ nextBlock: 0, endBlock: 10, rowsTotal: 70 }]);
  const cursor = { phase: 'users', tableName: 'users', rangeNo: 0 };
  await advanceCursor(session, cursor, { from: 0, to: 10, rows: 70, seconds: 1, skipped: [], done: true });

  const metrics = await metricsOf(session, 'users');
  expect(metrics).toMatchObject({
    statements: 2,
    rows: 70,
    tries: 3,
    longestLockMs: 95,
    longestLockStep: 'swapKeys',
  });
  expect(metrics.steps.map((s) => [s.step, s.statements, s.statementSeconds, s.failures])).toEqual([
    ['addColumns', 2, 2, 0],
    ['swapKeys', 0, 0, 1],
  ]);
  expect((await metricsOf(session, null)).longestLockMs).toBe(900);
});

test('a phase that was rolled back and begun again is told of from then on', async () => {
  const scope = { phase: 'reports', step: 'swapKeys' };
  await writeJournal(session, scope, { kind: 'locks', durationMs: 700 });
  await database.sql(
    `insert into rekey.phase (phase, plan, plan_hash, position, kind, state, wrote_version, started_at)
     values ('reports', 'shop', 'abc', 1, 'tables', 'open', '0', clock_timestamp())`,
  );
  await writeJournal(session, scope, { kind: 'locks', durationMs: 20 });
  expect((await metricsOf(session, 'reports')).longestLockMs).toBe(20);
});
