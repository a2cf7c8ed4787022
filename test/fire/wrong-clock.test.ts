import { Client } from 'pg';
import { connectionVariable } from '../../src/postgres/environment.js';
import { LocalRun } from '../activities/local-run.js';
import { dumpOf, tableDigests } from '../activities/reference-database.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { gate, until } from '../workflows/harness.js';
import { onePhase, peopleAndOrders, RealPhases } from '../workflows/real-phases.js';
import { workshop, workshopPlan } from './boundaries-schema.js';
import { WrongClock } from './wrong-clock.js';

const version = testVersions()[0] as number;
const day = 86_400_000;

describe("A worker's clock that jumps by days, all the time", () => {
  let database: ConnectedDatabase;
  let run: LocalRun;
  let clock: WrongClock | null = null;

  beforeAll(async () => {
    database = await connectedDatabase();
    await database.sql(workshop(40));
    run = new LocalRun(database.connection, workshopPlan);
  });
  afterEach(() => clock?.end());
  afterAll(async () => {
    run.end();
    await database.drop();
  });

  const asClient = async <T>(fn: (client: Client) => Promise<T>): Promise<T> => {
    const client = new Client({ connectionString: database.ownerUrl });
    await client.connect();
    try {
      return await fn(client);
    } finally {
      await client.end();
    }
  };
  const rowsAndSchema = async () => ({
    schema: await dumpOf(database.ownerUrl, version),
    rows: await asClient(tableDigests),
  });

  it('keeps no step waiting, not for locks either, and the way back leads to the same bytes', async () => {
    const before = await rowsAndSchema();
    clock = new WrongClock();
    clock.jump();
    const began = performance.now();
    await run.forward('foundation');
    await run.forward('main', 'buildTwins');
    const holder = new Client({ connectionString: database.ownerUrl });
    holder.on('error', () => undefined);
    await holder.connect();
    await holder.query('begin; select from people limit 1');
    // long enough to be waited for, and to be over before the time for the locks is used up
    const over = new Promise((resolve) => setTimeout(resolve, 1_500)).then(() => holder.end());
    await Promise.all([run.forward('main'), over]);
    expect(performance.now() - began).toBeLessThan(60_000);
    await run.back('main');
    clock.end();
    expect(await rowsAndSchema()).toEqual(before);
  }, 120_000);

  it('is not what the journal goes by: its times are those of the database', async () => {
    const { wrong, entries } = await asClient(async (client) => {
      const { rows } = await client.query(
        `select count(*)::int4 as entries,
           count(*) filter (where at not between now() - interval '10 minutes' and now())::int4 as wrong from rekey.journal`,
      );
      return rows[0];
    });
    expect(wrong).toBe(0);
    expect(entries).toBeGreaterThan(50);
  });
});

describe('A worker whose clock is a day ahead of the one before it', () => {
  let real: RealPhases;
  let clock: WrongClock | null = null;

  beforeAll(async () => {
    real = await RealPhases.open(onePhase, peopleAndOrders);
  }, 120_000);
  afterAll(async () => {
    clock?.end();
    await real.close();
  }, 60_000);

  it('takes an outage of PostgreSQL for as long as it is, and gives no step up for it', async () => {
    const shop = await real.shop();
    const held = real.hold(shop, 'buildTwins', 'before');
    const handle = await real.start('runPhase', shop, 'people');
    await held.reached;
    const variable = connectionVariable(shop.connection);
    real.environment(variable, 'postgresql://nobody@127.0.0.1:1/nowhere');
    held.release();
    const pending = async () =>
      (await handle.describe()).raw.pendingActivities?.find(
        ({ activityType }) => activityType?.name === 'buildTwins',
      );
    await until(pending, (activity) => (activity?.attempt ?? 0) >= 2);
    clock = new WrongClock();
    clock.setWrongBy(day);
    await until(pending, (activity) => (activity?.attempt ?? 0) >= 4);
    process.env[variable] = shop.database.ownerUrl;
    clock.end();
    await gate(handle, 'before-swap');
    expect(await shop.database.query('select from rekey.opening where parked')).toEqual([]);
    await handle.cancel();
    await handle.result();
  }, 120_000);
});
