import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { setPause } from '../../src/postgres/pauses.js';
import type { Session } from '../../src/postgres/session.js';
import { signalReader } from '../../src/postgres/signals.js';
import { heldBy, LagClock } from '../../src/postgres/throttle.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

describe('the throttle', () => {
  const calm = { paused: false, replicaLag: 0, oldestTransaction: 0 };
  const limits = { replicaLag: 10_000, oldestTransaction: 900_000 };

  test('lets the work go on while everything is within its limits', () => {
    expect(heldBy(calm, limits)).toBeNull();
    expect(heldBy({ ...calm, replicaLag: 10_000 }, limits)).toBeNull();
  });

  test('says which signal holds the work, and its limit', () => {
    expect(heldBy({ ...calm, replicaLag: 12_400 }, limits)).toBe('replication lag is 12 s, the limit 10 s');
    expect(heldBy({ ...calm, oldestTransaction: 901_000 }, limits)).toContain('901 s');
    expect(heldBy({ ...calm, paused: true }, limits)).toBe('paused by an operator');
    const kept = { by: 'the slot s', bytes: 3 * 1024 ** 3 };
    expect(heldBy({ ...calm, walKept: kept }, { ...limits, walKept: 2 * 1024 ** 3 })).toBe(
      'the slot s keeps 3.0 GB of WAL, the limit 2.0 GB',
    );
    expect(heldBy({ ...calm, walKept: kept, freeDisk: 0 }, limits)).toBeNull();
    expect(heldBy({ ...calm, freeDisk: 1024 ** 3 }, { ...limits, freeDisk: 1024 ** 3 })).toBeNull();
    expect(heldBy({ ...calm, freeDisk: 700 * 1024 ** 2 }, { ...limits, freeDisk: 1024 ** 3 })).toBe(
      "700 MB are free on the server's disk, the limit 1.0 GB",
    );
  });

  test('holds the work when a signal can not be read, unless the plan has switched that signal off', () => {
    const blind = { ...calm, replicaLag: { unreadable: 'no privilege' } };
    expect(heldBy(blind, limits)).toBe("replication lag can't be read: no privilege");
    expect(heldBy(blind, { ...limits, replicaLag: null })).toBeNull();
  });
});

describe('the lag of a standby', () => {
  test('grows while replay stands still, even though the standby reports nothing new', () => {
    const clock = new LagClock();
    expect(clock.observe(0, 100, 100)).toBe(0);
    expect(clock.observe(1_000, 200, 100)).toBe(1_000);
    expect(clock.observe(9_000, 900, 100)).toBe(9_000);
    expect(clock.observe(10_000, 950, 900)).toBe(1_000);
    expect(clock.observe(11_000, 950, 950)).toBe(0);
  });

  test('is nothing on an idle server', () => {
    const clock = new LagClock();
    clock.observe(0, 100, 100);
    expect(clock.observe(60_000, 100, 100)).toBe(0);
  });
});

describe('the signals', () => {
  let database: ConnectedDatabase;
  let session: Session;
  const read = signalReader('users');
  beforeAll(async () => {
    database = await connectedDatabase();
    session = await openSession(database.connection, 'test');
    await createRekeySchema(session);
  });
  afterAll(async () => {
    await session.close();
    await database.drop();
  });

  test("count a client's old transaction and not Rekey's own", async () => {
    const own = await openSession(database.connection, 'other work');
    await own.execute('begin; select 1');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await read(session)).oldestTransaction).toBeLessThan(100);
    const client = await database.app();
    await client.query('begin');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { oldestTransaction } = await read(session);
    expect(oldestTransaction).toBeGreaterThan(250);
    await client.query('rollback');
    await own.close();
  });

  test('tell of the pause switch of this phase only', async () => {
    await setPause(session, 'leaf-tables', true, 'Ada');
    expect((await read(session)).paused).toBe(false);
    await setPause(session, 'users', true, 'Ada');
    expect((await read(session)).paused).toBe(true);
    await setPause(session, 'users', false, 'Ada');
    expect(await read(session)).toMatchObject({ paused: false, replicaLag: 0 });
  });

  test('can not be read by a role without pg_read_all_stats, and say so', async () => {
    process.env.REKEY_CONNECTION_BLIND = database.url('app_rw');
    await database.sql('grant usage on schema rekey to app_rw');
    await database.sql('grant select on rekey.pause to app_rw');
    const blind = await openSession('blind', 'test');
    const signals = await read(blind);
    expect(signals.oldestTransaction).toEqual({ unreadable: expect.stringContaining('pg_read_all_stats') });
    expect(signals.replicaLag).toEqual({ unreadable: expect.stringContaining('pg_read_all_stats') });
    await blind.close();
  });
});
