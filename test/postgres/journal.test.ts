import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { journalFailure, runStatement, writeJournal } from '../../src/postgres/journal.js';
import { lastStep, longestLock, readJournal } from '../../src/postgres/journal-reader.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

let database: ConnectedDatabase;
let session: Session;
const scope = { phase: 'users', step: 'buildTwins', run: { workflowId: 'w', runId: 'r' } };

beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test', { timeouts: { lock: 0 } });
  await createRekeySchema(session);
  await database.sql('create table public.person (id integer primary key, name text)');
  await database.sql(`insert into public.person select n, 'p' || n from generate_series(1, 100) n`);
});
afterAll(async () => {
  await session.close();
  await database.drop();
});
const newest = async () => (await readJournal(session, { phase: 'users' })).at(-1);

test('a statement in a transaction is journalled to the letter, and only if the transaction commits', async () => {
  const text = `update public.person set name = 'x' where id <= 10`;
  await session
    .transaction(async () => {
      await runStatement(session, scope, { object: 'person', text });
      throw new Error('no');
    })
    .catch(() => undefined);
  expect(await readJournal(session)).toEqual([]);
  await session.transaction(() => runStatement(session, scope, { object: 'person', text }));
  expect(await newest()).toMatchObject({
    kind: 'statement',
    object: 'person',
    statement: text,
    rows: '10',
    workflowId: 'w',
    runId: 'r',
  });
});

test('an index built concurrently is journalled with the time it waited for another client', async () => {
  const app = await openSession(database.connection, 'client');
  const watch = await openSession(database.connection, 'watch');
  await app.execute('begin');
  await app.execute(`update public.person set name = 'y' where id = 1`);
  const building = runStatement(
    session,
    scope,
    { object: 'person', text: 'create index concurrently person_name on public.person (name)' },
    watch,
  );
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(await readJournal(app, { kinds: ['statement'], step: 'buildTwins' })).toHaveLength(2);
  await app.execute('commit');
  const { lockWaitMs, durationMs } = await building;
  expect(lockWaitMs).toBeGreaterThan(150);
  expect(durationMs).toBeGreaterThanOrEqual(Number(lockWaitMs) - 100);
  expect(await newest()).toMatchObject({ lockWaitMs, durationMs });
  await Promise.all([app.close(), watch.close()]);
});

test("a failure is journalled with PostgreSQL's words, over another connection where this one has died", async () => {
  await expect(runStatement(session, scope, { text: 'select 1/0' })).rejects.toMatchObject({
    sqlstate: '22012',
  });
  expect(await newest()).toMatchObject({
    kind: 'failure',
    sqlstate: '22012',
    detail: { postgres: 'division by zero' },
  });

  const dying = await openSession(database.connection, 'dying');
  const work = runStatement(dying, scope, { object: 'person', text: 'select pg_sleep(10)' });
  setTimeout(() => database.sql('select pg_terminate_backend($1)', [dying.pid]), 100);
  const error = await work.catch((thrown) => thrown);
  expect(error).toMatchObject({ type: 'Transient' });
  expect(await newest()).toMatchObject({
    kind: 'failure',
    object: 'person',
    statement: 'select pg_sleep(10)',
  });
  await journalFailure(dying, scope, error);
  await dying.close();
});

test('the journal knows the last step and the longest lock of a phase', async () => {
  await writeJournal(session, { phase: 'users', step: 'map' }, { kind: 'step', detail: { state: 'done' } });
  await writeJournal(
    session,
    { phase: 'users', step: 'swapKeys' },
    { kind: 'locks', durationMs: 41.5, lockWaitMs: 7 },
  );
  await writeJournal(
    session,
    { phase: 'leaf', step: 'swapKeys' },
    { kind: 'locks', durationMs: 99, lockWaitMs: 7 },
  );
  expect(await lastStep(session, 'users')).toMatchObject({ step: 'map', detail: { state: 'done' } });
  expect([await longestLock(session, 'users'), await longestLock(session, null)]).toEqual([41.5, 99]);
});
