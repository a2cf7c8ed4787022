import { advisoryKey, withStepLock } from '../../src/postgres/advisory.js';
import { openSession } from '../../src/postgres/connect.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

let database: ConnectedDatabase;
const open: Session[] = [];
const another = async (purpose: string) => {
  const session = await openSession(database.connection, purpose);
  open.push(session);
  return session;
};
const work = { phase: 'users', step: 'map', table: 'users', range: 3 };
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  database = await connectedDatabase();
});
afterEach(async () => {
  for (const session of open.splice(0)) await session.close();
});
afterAll(() => database.drop());

test('two attempts at the same work come one after the other, and the second one heartbeats while it waits', async () => {
  const [first, second] = [await another('first'), await another('second')];
  const order: string[] = [];
  let beats = 0;
  const one = withStepLock(first, work, {}, async () => {
    order.push('first begins');
    await wait(800);
    order.push('first ends');
  });
  await wait(100);
  const two = withStepLock(second, work, { onWait: () => beats++ }, async () => order.push('second begins'));
  await Promise.all([one, two]);
  expect(order).toEqual(['first begins', 'first ends', 'second begins']);
  expect(beats).toBeGreaterThan(1);
});

test('other ranges, tables, steps and phases do not wait', async () => {
  const [first, second] = [await another('first'), await another('second')];
  await withStepLock(first, work, {}, async () => {
    for (const other of [
      { ...work, range: 4 },
      { ...work, table: 'lobs' },
      { ...work, step: 'unmap' },
      { ...work, phase: 'leaf' },
    ]) {
      expect(await withStepLock(second, other, { giveUp: 0 }, async () => 'in')).toBe('in');
    }
  });
  expect(new Set([advisoryKey(work), advisoryKey({ ...work, range: 4 })]).size).toBe(2);
});

test('an attempt that was given up for dead is ended, and only its backend', async () => {
  const [dead, bystander, successor] = [
    await another('dead'),
    await another('bystander'),
    await another('successor'),
  ];
  await bystander.query('select pg_catalog.pg_advisory_lock(42)');
  const hanging = withStepLock(dead, work, {}, () => dead.query('select pg_catalog.pg_sleep(30)')).catch(
    (error) => error,
  );
  await wait(200);
  expect(await withStepLock(successor, work, { grace: 600 }, async () => 'in')).toBe('in');
  expect(await hanging).toMatchObject({ type: 'Transient' });
  expect(await bystander.query('select 1 as one')).toEqual([{ one: 1 }]);
});

test('a holder of another role is left alone, and the attempt says that it did not get the lock', async () => {
  const stranger = await database.app();
  await stranger.query('select pg_advisory_lock($1)', [advisoryKey(work)]);
  const session = await another('test');
  await expect(
    withStepLock(session, work, { grace: 0, giveUp: 600 }, async () => 'in'),
  ).rejects.toMatchObject({
    type: 'Transient',
    code: 'advisory.not-had',
  });
  expect((await stranger.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await stranger.query('select pg_advisory_unlock_all()');
});

test('the lock is let go when the work fails, or is cancelled', async () => {
  const [first, second] = [await another('first'), await another('second')];
  await expect(withStepLock(first, work, {}, () => first.query('select 1/0'))).rejects.toMatchObject({
    sqlstate: '22012',
  });
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('stop')), 100);
  await expect(
    first.cancellable(stop.signal, () =>
      withStepLock(first, work, {}, () => first.query('select pg_sleep(9)')),
    ),
  ).rejects.toThrow('stop');
  expect(await withStepLock(second, work, { giveUp: 0 }, async () => 'in')).toBe('in');
});
