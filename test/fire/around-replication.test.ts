import { Client } from 'pg';
import { openSession } from '../../src/postgres/connect.js';
import type { Session } from '../../src/postgres/session.js';
import { signalReader } from '../../src/postgres/signals.js';
import { heldBy } from '../../src/postgres/throttle.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { LocalRun } from '../activities/local-run.js';
import { Scene, shopPlan } from '../checks/fixture.js';
import { freshDatabase, type TestDatabase } from '../servers.js';

const subscribersPlan = (names: string[]) =>
  shopPlan.replace(
    'phases:',
    `subscribers:\n${names.map((name) => `  - { name: ${name}, because: it has the new columns since Monday }`).join('\n')}\nphases:`,
  );

describe('Around a database whose rows go elsewhere', () => {
  let server: PostgresServer;
  let on: never;
  let scene: Scene;
  let elsewhere: TestDatabase;
  let subscriber: Client;
  let session: Session;

  beforeAll(async () => {
    server = await startPostgres({ own: true, settings: { wal_level: 'logical' } });
    on = { ...server, version: 18 } as never;
    scene = await Scene.open(undefined, on);
    elsewhere = await freshDatabase(on);
    subscriber = new Client({ connectionString: elsewhere.superuserUrl });
    await subscriber.connect();
    session = await openSession(scene.db.connection, 'test');
  }, 60_000);
  afterAll(async () => {
    await session?.close();
    await subscriber?.end();
    await scene?.close();
    await server?.stop();
  });

  const stops = async (text?: string) => scene.stops(text);

  test('a publication with a column list stops the phase whatever the plan names, as every UPDATE would fail after the cutover', async () => {
    await scene.db.superuser('create publication listed for table people (id, name)');
    const found = await stops(subscribersPlan(['listed']));
    expect(found).toEqual(['publication-column-list publication listed']);
    await scene.db.superuser('drop publication listed');
  });

  test('a real subscription is found by its publication and its slot, and goes along where the plan names it and says how it is prepared', async () => {
    await scene.db.superuser('create publication lake for table people');
    await scene.db.superuser(`select pg_create_logical_replication_slot('lake_reader', 'pgoutput')`);
    await subscriber.query('create table people (id integer primary key, name text, manager_id integer)');
    const from = new URL(scene.db.url('rekey_owner'));
    const connection = `host=127.0.0.1 port=${from.port} dbname=${from.pathname.slice(1)} user=${new URL(server.superuserUrl).username} password=${new URL(server.superuserUrl).password}`;
    await subscriber.query(
      `create subscription lake_reader connection '${connection}' publication lake with (create_slot = false, slot_name = 'lake_reader', copy_data = false)`,
    );
    await until(
      async () =>
        (await scene.db.superuser(`select 1 from pg_stat_replication where state = 'streaming'`)).length > 0,
    );
    expect(await stops()).toEqual(['publication publication lake', 'logical-slot slot lake_reader']);
    expect(await stops(subscribersPlan(['lake_reader']))).toEqual([]);
    const { notes } = await scene.judged(subscribersPlan(['lake_reader']));
    expect(notes.map((n) => n.message).join('; ')).toContain(
      'reads this database: its consumer would see the new columns; the plan says: it has the new columns since Monday',
    );
  });

  test('the throttle counts the lag of a logical subscriber that can not apply, says so and lets the work go on when it can again', async () => {
    const read = signalReader('main');
    const sql = `create schema if not exists rekey; create table if not exists rekey.pause (phase text, paused boolean)`;
    await scene.db.sql(sql);
    await read(session);
    // the subscriber's own row stands in the way: its worker ends, and comes again and again
    const holder = new Client({ connectionString: elsewhere.superuserUrl });
    await holder.connect();
    await holder.query('begin; lock table people in access exclusive mode');
    await scene.db.sql(`insert into people (name) values ('behind')`);
    const limits = { replicaLag: 300, oldestTransaction: null };
    const held = async () => heldBy(await read(session), limits);
    await until(async () => /^replication lag is/.test((await held()) ?? ''));
    await holder.query('commit');
    await holder.end();
    await until(async () => (await held()) === null);
  });

  test('a slot that nobody reads is found with the WAL that it keeps, and is to be accepted', async () => {
    await subscriber.query('drop subscription lake_reader');
    await scene.db.superuser('drop publication lake');
    await scene.db.superuser(`select pg_create_physical_replication_slot('forgotten', true)`);
    const judged = await scene.judged();
    expect(judged.unhandled).toMatchObject([
      {
        hazard: 'slot-unread',
        rank: 'accept',
        on: 'slot forgotten',
        message: expect.stringMatching(
          /nobody reads the physical slot forgotten: the server keeps \d+ MB of WAL/,
        ),
        remedy: expect.stringContaining(`select pg_drop_replication_slot('forgotten')`),
      },
    ]);
    const accepting = shopPlan.replace(
      'phases:',
      'accept: [{ hazard: slot-unread, on: slot forgotten, because: the disk is large, phase: main }]\nphases:',
    );
    expect(await stops(accepting)).toEqual([]);
    await scene.db.superuser(`select pg_drop_replication_slot('forgotten')`);
    expect(await stops()).toEqual([]);
  });

  test('preflight of foundation says that the restore drill will find no role that may create databases', async () => {
    await scene.db.sql('drop schema rekey cascade');
    const run = new LocalRun(scene.db.connection, shopPlan);
    const found: unknown[] = [];
    run.caller = async ({ activity, call }) => {
      const result = await call();
      if (activity === 'preflight') found.push(result);
      return result;
    };
    await run.forward('foundation');
    run.end();
    expect(found).toMatchObject([
      { warnings: expect.arrayContaining([expect.stringContaining('scratch-no-createdb')]) },
    ]);
  });
});

async function until(seen: () => Promise<boolean>): Promise<void> {
  while (!(await seen())) await new Promise((resolve) => setTimeout(resolve, 50));
}
