import { Client } from 'pg';
import { withSession } from '../../src/postgres/connect.js';
import { signalReader } from '../../src/postgres/signals.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { startStandby } from '../postgres/standby.js';

const plan = `version: 1
plan: throttled
map: { batch: 500, pause-when: { replica-lag: 1s, oldest-transaction: 1s } }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

/** What `status` shows of a held map comes from the heartbeats and results of its slices. */
describe('The map of a phase', () => {
  let server: PostgresServer;
  let standby: { url: string; stop: () => Promise<void> };
  let database: ConnectedDatabase;
  let run: LocalRun;
  const held = new Set<string>();

  beforeAll(async () => {
    server = await startPostgres({ own: true });
    database = await connectedDatabase({ ...server, version: 18 } as never);
    await database.sql(`create table people (id serial primary key, boss_id integer references people, name text);
      insert into people (boss_id, name) select nullif(n / 10, 0), 'p' || n from generate_series(1, 4000) n`);
    standby = await startStandby(server);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  }, 60_000);
  beforeEach(() => held.clear());
  afterEach(() => run.back('main'));
  afterAll(async () => {
    run?.end();
    await database?.drop();
    await standby?.stop();
    await server?.stop();
  });

  /** `begin` comes just before the map, which runs until it holds for this reason, and to its end after `end`. */
  async function holdsUntil(
    reason: RegExp,
    begin: () => Promise<unknown>,
    end: () => Promise<unknown>,
  ): Promise<void> {
    let ended: Promise<unknown> | null = null;
    run.caller = async ({ activity, call }) => {
      if (activity === 'planMap') await begin();
      return activity !== 'mapRange'
        ? call()
        : call({
            ...attempt(),
            heartbeat: (seen: object) => {
              const { heldBy = null } = seen as { heldBy?: string | null };
              if (heldBy === null) return;
              held.add(heldBy);
              if (reason.test(heldBy)) ended ??= end();
            },
          });
    };
    const began = Date.now();
    await run.forward('main', 'buildTwins');
    run.caller = ({ call }) => call();
    await ended;
    expect([...held].some((why) => reason.test(why))).toBe(true);
    const [left] = await database.sql(
      `select count(*)::int as rows from people where uuid_id is null or boss_id is not null and boss_id_uuid is null`,
    );
    expect(left).toEqual({ rows: 0 });
    figure('map held and gone on', Date.now() - began, 'ms');
  }

  it('holds for an old transaction of a client, says so, and goes on by itself when that has ended', async () => {
    const client = await database.app();
    await holdsUntil(
      /^the oldest transaction of other clients is \d.* s, the limit 1.0 s$/,
      async () => {
        await client.query('begin; select 1 from pg_class limit 1');
        // as old as the limit before the map begins
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      },
      () => client.query('commit'),
    );
  });

  it('holds while a report on a physical standby keeps it from replaying, and goes on by itself', async () => {
    const { pathname } = new URL(database.ownerUrl);
    const report = new Client({ connectionString: Object.assign(new URL(standby.url), { pathname }).href });
    report.on('error', () => undefined);
    await report.connect();
    await holdsUntil(
      /^replication lag is \d.* s, the limit 1.0 s$/,
      async () => {
        await report.query('begin isolation level repeatable read; select count(*) from people');
        // what replay can not go past while the report runs
        await database.sql('begin; lock table people in access exclusive mode; commit');
        // what an earlier slice of the map saw; the next begins when the standby stands still for longer than the limit
        await withSession(database.connection, 'an earlier slice', signalReader('main'));
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      },
      async () => {
        await report.query('commit');
        await report.end();
      },
    );
  });

  it('holds when it can not read a signal, says which and why, and goes on when it can again', async () => {
    await holdsUntil(
      /^replication lag can't be read: Rekey's role is no member of pg_read_all_stats$/,
      () => database.superuser('revoke pg_read_all_stats from rekey_owner'),
      () => database.superuser('grant pg_read_all_stats to rekey_owner'),
    );
  });
});
