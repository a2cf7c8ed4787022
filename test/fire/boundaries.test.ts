import { Client } from 'pg';
import { undoAll } from '../../activities/undo-all.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { type Caller, LocalRun } from '../activities/local-run.js';
import { dumpOf, tableDigests } from '../activities/reference-database.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { cutoverOf, Deaths } from './boundaries-kill.js';
import { stall, workshop, workshopPlan } from './boundaries-schema.js';

const version = testVersions()[0] as number;
/** The same for two tables. */
const stallPlan = workshopPlan
  .replace('people, offices, orders', 'people, orders')
  .replace('orders (note)', 'orders (number)');
const disturbed =
  /^(addColumns|planMap|mapRange|finishMap|buildTwins|swapKeys|swapKeysBack|dropTwins|unmap|dropColumns)$/;

interface Seen {
  schema: string;
  rows: Record<string, string>;
  cutover: string;
  journalled: number;
}

describe('A worker that dies at every boundary of its statements', () => {
  let database: ConnectedDatabase;
  let client: Client;
  let run: LocalRun;
  let deaths: Deaths;

  async function begin(schema: string, plan: string): Promise<void> {
    database = await connectedDatabase(version);
    await database.sql(schema);
    client = new Client({ connectionString: database.ownerUrl });
    await client.connect();
    run = new LocalRun(database.connection, plan);
    deaths = await Deaths.start(database);
    await run.forward('foundation');
  }

  async function finish(): Promise<void> {
    run.end();
    await deaths.stop();
    await client.end();
    await database.drop();
  }

  afterEach(finish);

  const through = (url: string) => {
    process.env[connectionVariable(database.connection)] = url;
  };

  /** What an activity leaves: the dump, every value, what the cutover changes, and how many renames its step journalled: a cutover that ran twice would show. */
  async function see(step: string): Promise<Seen> {
    const [row] = await database.sql(
      `select count(*)::int as n from rekey.journal where step = $1 and statement like '%rename column%' and at > (select max(started_at) from rekey.phase)`,
      [step],
    );
    return {
      schema: await dumpOf(database.ownerUrl, version),
      rows: await tableDigests(client),
      cutover: await cutoverOf(client),
      journalled: Number(row?.n),
    };
  }

  it('leaves, with those that come after it, what an undisturbed one leaves; and nobody ever sees half a cutover', async () => {
    await begin(workshop(12), workshopPlan);
    const undisturbed = new Map<string, Seen>();
    run.caller = async ({ activity, call }) => {
      const answer = await call();
      undisturbed.set(activity, await see(activity));
      return answer;
    };
    await run.forward('main');
    await run.back('main');

    const counted = new Map<string, number>();
    const dying: Caller = async ({ activity, call }) => {
      if (!disturbed.test(activity)) return call();
      const before = await cutoverOf(client);
      const looks: string[] = [];
      const from = deaths.boundaries.length;
      through(deaths.proxy.through(database.ownerUrl));
      const answer = await deaths.suffer(
        activity,
        () => call(),
        async () => void looks.push(await cutoverOf(client)),
      );
      through(database.ownerUrl);
      counted.set(activity, (counted.get(activity) ?? 0) + deaths.boundaries.length - from);
      const found = await see(activity);
      const expected = undisturbed.get(activity) as Seen;
      if (/^swap/.test(activity)) {
        expect(new Set(looks)).toEqual(new Set([before, found.cutover]));
        expect(looks.indexOf(found.cutover)).toBeGreaterThan(looks.lastIndexOf(before));
        expect([activity, found.journalled]).toEqual([activity, expected.journalled]);
      }
      expect([activity, found.schema]).toEqual([activity, expected.schema]);
      if (activity !== 'mapRange') expect([activity, found.rows]).toEqual([activity, expected.rows]);
      expect([activity, found.cutover]).toEqual([activity, expected.cutover]);
      return answer;
    };
    run.caller = dying;
    await run.forward('main');
    await run.back('main');
    for (const [activity, n] of counted)
      figure(`boundaries of ${activity} at which a worker died`, n, 'boundaries');
    expect(counted.get('swapKeys')).toBeGreaterThan(80);
    expect(counted.get('swapKeysBack')).toBeGreaterThan(80);
    expect(deaths.commitsUnanswered).toBeGreaterThan(10);
  }, 240_000);

  it('in a cleanup leaves what one who comes after it brings to the same end', async () => {
    const rows = async () => [
      await database.sql('select id, boss_id, name from people order by id'),
      await database.sql('select id, person_id, number from orders order by id'),
    ];
    await begin(stall, stallPlan);
    await run.forward('main');
    await run.forward('cleanup');
    const undisturbed = await dumpOf(database.ownerUrl, version);
    await finish();

    await begin(stall, stallPlan);
    await run.forward('main');
    const before = await rows();
    run.caller = async ({ activity, call }) => {
      if (!/^(dropLegacy|buildIndexes|analyzeTables|archiveMapping)$/.test(activity)) return call();
      through(deaths.proxy.through(database.ownerUrl));
      const answer = await deaths.suffer(
        activity,
        () => call(),
        async () => undefined,
      );
      through(database.ownerUrl);
      return answer;
    };
    await run.forward('cleanup');
    expect(await dumpOf(database.ownerUrl, version)).toBe(undisturbed);
    expect(await rows()).toEqual(before);
    figure('boundaries of a cleanup at which its worker died', deaths.boundaries.length, 'boundaries');
    expect(deaths.boundaries.length).toBeGreaterThan(15);
  }, 120_000);

  it('in an undo without Temporal leaves what one who types it again brings to its end: the dump of before, byte for byte', async () => {
    await begin(
      stall,
      workshopPlan.replace('people, offices, orders', 'people, orders').replace(/, indexes.*]/, ''),
    );
    const before = { schema: await dumpOf(database.ownerUrl, version), rows: await tableDigests(client) };
    await run.forward('main');
    const swapped = await cutoverOf(client);
    const looks: string[] = [];
    through(deaths.proxy.through(database.ownerUrl));
    let typed = 0;
    await deaths.suffer(
      'undo',
      (signal) => {
        typed += 1;
        return undoAll({
          connection: database.connection,
          by: 'ann',
          foundation: false,
          signal,
          say: () => undefined,
        });
      },
      async () => void looks.push(await cutoverOf(client)),
    );
    through(database.ownerUrl);
    expect({ schema: await dumpOf(database.ownerUrl, version), rows: await tableDigests(client) }).toEqual(
      before,
    );
    expect(looks[0]).toBe(swapped);
    const [end] = await database.sql(
      `select p.state, p.cut_over, (select count(*)::int from rekey.flag where enabled) as flags, (select count(*)::int from rekey.member) as members,
         (select count(*)::int from rekey.owner) as owners from rekey.phase p where phase = 'main'`,
    );
    expect(end).toEqual({
      state: 'rolled-back',
      cut_over: false,
      flags: 0,
      members: 0,
      owners: expect.any(Number),
    });
    figure('boundaries of an undo at which it died', deaths.boundaries.length, 'boundaries');
    expect(typed).toBeGreaterThan(60);
  }, 240_000);
});
