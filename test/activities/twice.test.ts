import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { RekeyError } from '../../src/errors.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { library, libraryPlan } from './library.js';
import { type Call, type Caller, LocalRun } from './local-run.js';
import { dumpOf, tableDigests } from './reference-database.js';

const version = testVersions()[0] as number;

/** Constants of defaults are UUIDs of this database's own salt. */
const withoutKeys = (dump: string) => dump.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<uuid>');

describe(`Activities that are run twice or killed, on PostgreSQL ${version}`, () => {
  let database: ConnectedDatabase;
  let client: Client;
  let run: LocalRun;
  /** what the schema is after each activity, from a run in which nothing went wrong */
  const undisturbed = new Map<string, string>();

  async function fresh(): Promise<void> {
    database = await connectedDatabase(version);
    await database.sql(library);
    client = new Client({ connectionString: database.ownerUrl });
    await client.connect();
    run = new LocalRun(database.connection, libraryPlan);
  }

  beforeEach(fresh, 120_000);

  afterEach(async () => {
    run.end();
    await client.end();
    await database.drop();
  });

  const dump = async () => withoutKeys(await dumpOf(database.ownerUrl, version));

  async function there(): Promise<void> {
    await run.forward('foundation');
    await run.forward('first');
  }

  async function andBack(): Promise<void> {
    await run.back('first');
  }

  const names = new Map<string, number>();
  /** the nth call of this activity in this phase; slices of one range count as one */
  function nameOf({ phase, activity }: Call): string {
    const name = `${phase} ${activity}`;
    names.set(name, (names.get(name) ?? 0) + 1);
    return /map/i.test(activity) ? name : `${name} ${names.get(name)}`;
  }

  async function expectUndisturbed(name: string): Promise<void> {
    const expected = undisturbed.get(name);
    const found = await dump();
    if (expected === undefined) throw new Error(`${name} was not run undisturbed`);
    if (found !== expected) expect(`${name}\n${found}`).toBe(`${name}\n${expected}`);
  }

  const watched =
    (disturb: Caller): Caller =>
    async (call) => {
      const name = nameOf(call);
      const answer = await disturb(call);
      if (
        /^(addColumns|finishMap|buildTwins|swapKeys|swapKeysBack|dropTwins|dropColumns)$/.test(call.activity)
      )
        await expectUndisturbed(name);
      return answer;
    };

  it('end in the same state when each is run a second time', async () => {
    names.clear();
    const before = [await dump(), await tableDigests(client)];
    run.caller = async (call) => {
      const answer = await call.call();
      const schema = await dump();
      const rows = await tableDigests(client);
      undisturbed.set(nameOf(call), schema);
      // what closed or opened the phase has had its say; validation writes nothing but findings
      if (!/^(openRollBack|closePhase|validate)$/.test(call.activity)) await call.call();
      expect(await dump()).toBe(schema);
      expect(await tableDigests(client)).toEqual(rows);
      return answer;
    };
    await there();
    await andBack();
    expect([await dump(), await tableDigests(client)]).toEqual(before);
  }, 240_000);

  it('end in the same state when they are cancelled on the way, again and again', async () => {
    names.clear();
    const before = [await dump(), await tableDigests(client)];
    let cancelled = 0;
    run.caller = watched(async ({ call }) => {
      for (let tries = 0; tries < 3; tries++) {
        const aborting = new AbortController();
        const timer = setTimeout(() => aborting.abort(new Error('cancelled')), 40 + 260 * Math.random());
        try {
          return await call({ signal: aborting.signal });
        } catch (error) {
          if ((error as Error).message !== 'cancelled') throw error;
          cancelled += 1;
        } finally {
          clearTimeout(timer);
        }
      }
      return call();
    });
    await there();
    await andBack();
    expect([await dump(), await tableDigests(client)]).toEqual(before);
    expect(cancelled).toBeGreaterThan(5);
  }, 240_000);

  it('end in the same state when their backends are terminated under them', async () => {
    names.clear();
    const before = [await dump(), await tableDigests(client)];
    let ended = 0;
    const terminate = async (): Promise<void> => {
      await sleep(30 + 250 * Math.random());
      const [row] = await database.superuser(
        `select count(*) filter (where pg_terminate_backend(pid))::int as n from pg_stat_activity
         where datname = current_database() and application_name like 'rekey %'`,
      );
      ended += Number(row?.n);
    };
    run.caller = watched(async ({ call }) => {
      for (let tries = 0; tries < 3; tries++) {
        const killing = terminate();
        try {
          return await call();
        } catch (error) {
          if (!(error instanceof RekeyError) || !error.retryable) throw error;
        } finally {
          await killing;
        }
      }
      return call();
    });
    await there();
    await andBack();
    expect([await dump(), await tableDigests(client)]).toEqual(before);
    expect(ended).toBeGreaterThan(5);
  }, 240_000);
});
