import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { withSession } from '../../src/postgres/connect.js';
import { signalReader } from '../../src/postgres/signals.js';
import { readDatabaseStatus } from '../../src/report/database-status.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { startStandby } from '../postgres/standby.js';

const plan = `version: 1
plan: throttled
map: { batch: 500, pause-when: { replica-lag: 1s, oldest-transaction: 1s, wal-kept: 64MB, free-disk: 20GB } }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people], hooks: { free-disk: room } }
  - { phase: cleanup, kind: cleanup, indexes: ['create index concurrently people_by_name on people (name)'], hooks: { free-disk: room } }
`;

/**
 * What `status` shows of a held map comes from the heartbeats and results of its slices, of an index that is not begun
 * from the journal.
 */
describe('The map of a phase', () => {
  let server: PostgresServer;
  let standby: { url: string; stop: () => Promise<void> };
  let database: ConnectedDatabase;
  let run: LocalRun;
  const folder = mkdtempSync(join(tmpdir(), 'rekey-room-'));
  const room = join(folder, 'free');
  const plenty = `${100 * 1024 ** 3}`;
  const held = new Set<string>();
  let goesBack = true;

  beforeAll(async () => {
    server = await startPostgres({
      own: true,
      settings: { archive_mode: 'on', archive_command: 'true' },
    });
    writeFileSync(join(folder, 'hooks.yaml'), `room: { command: [cat, ${room}] }\n`);
    process.env.REKEY_HOOKS = join(folder, 'hooks.yaml');
    writeFileSync(room, plenty);
    database = await connectedDatabase({ ...server, version: 18 } as never);
    await database.sql(`create table people (id serial primary key, boss_id integer references people, name text);
      insert into people (boss_id, name) select nullif(n / 10, 0), 'p' || n from generate_series(1, 4000) n`);
    standby = await startStandby(server);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  }, 60_000);
  beforeEach(() => held.clear());
  afterEach(async () => {
    if (goesBack) await run.back('main');
  });
  afterAll(async () => {
    run?.end();
    delete process.env.REKEY_HOOKS;
    rmSync(folder, { recursive: true, force: true });
    await database?.drop();
    await standby?.stop();
    await server?.stop();
  });

  /** `begin` comes just before the map, which runs until it holds for this reason, and to its end after `end`. */
  const holdsUntil = (reason: RegExp, begin: () => Promise<unknown>, end: () => Promise<unknown>) =>
    holdsThrough(begin, [[reason, end]]);

  /** The same for reasons that come one after the other, each when what ended the last has been done. */
  async function holdsThrough(
    begin: () => Promise<unknown>,
    reasons: [reason: RegExp, end: () => Promise<unknown>][],
  ): Promise<void> {
    const left = [...reasons];
    const ended: Promise<unknown>[] = [];
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
              const [reason, end] = left[0] ?? [];
              if (!reason?.test(heldBy)) return;
              left.shift();
              ended.push(end?.() ?? Promise.resolve());
            },
          });
    };
    const began = Date.now();
    await run.forward('main', 'buildTwins');
    run.caller = ({ call }) => call();
    await Promise.all(ended);
    expect({ left, held: [...held] }).toMatchObject({ left: [] });
    const [unfilled] = await database.sql(
      `select count(*)::int as rows from people where uuid_id is null or boss_id is not null and boss_id_uuid is null`,
    );
    expect(unfilled).toEqual({ rows: 0 });
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

  /** Each switch of the log is a segment of 16 MB. */
  const writeSegments = async () => {
    for (let i = 0; i < 6; i += 1)
      await database.superuser(
        `select pg_catalog.pg_logical_emit_message(false, 'test', 'a record'), pg_catalog.pg_switch_wal()`,
      );
  };

  it('holds for a slot that nobody reads before its WAL fills the disk, and for slots that it may not look at, and goes on when the slot is read', async () => {
    await holdsThrough(async () => {
      await database.superuser(`select pg_create_physical_replication_slot('forgotten', true)`);
      await writeSegments();
    }, [
      [
        /^the slot forgotten, which nobody reads, keeps (\d\d|1\d\d) MB of WAL, the limit 64 MB$/,
        () => database.superuser('revoke select on pg_catalog.pg_replication_slots from public'),
      ],
      [
        /^the WAL that is kept can't be read: Rekey's role may not look at pg_replication_slots/,
        () => database.superuser('grant select on pg_catalog.pg_replication_slots to public'),
      ],
      [
        /^the slot forgotten/,
        () =>
          database.superuser(
            `select pg_replication_slot_advance('forgotten', pg_catalog.pg_current_wal_lsn())`,
          ),
      ],
    ]);
    await database.superuser(`select pg_drop_replication_slot('forgotten')`);
  });

  it('holds while the archiver fails and WAL piles up, and goes on when it archives again', async () => {
    const archive = async (command: string) => {
      await database.superuser(`alter system set archive_command = '${command}'`);
      await database.superuser('select pg_catalog.pg_reload_conf()');
      // wakes it
      await database.superuser('select pg_catalog.pg_switch_wal()');
    };
    await holdsUntil(
      /^the archiver, which falls behind, keeps (\d\d|1\d\d) MB of WAL, the limit 64 MB$/,
      async () => {
        await archive('false');
        await writeSegments();
      },
      () => archive('true'),
    );
  });

  it('holds when little disk is free, and while nobody can say how much, and goes on when there is room', async () => {
    await holdsThrough(
      async () => writeFileSync(room, `${3 * 1024 ** 3}`),
      [
        [/^3\.0 GB are free on the server's disk, the limit 20\.0 GB$/, async () => rmSync(room)],
        [
          /^the free disk of the server can't be read: the hook room ended with exit code 1$/,
          async () => writeFileSync(room, 'plenty'),
        ],
        [
          /^the free disk of the server can't be read: the hook room prints no number/,
          async () => writeFileSync(room, plenty),
        ],
      ],
    );
  });

  async function holdsAnIndex(phase: string, step: string, object: string): Promise<void> {
    const indexes = async () => (await database.sql('select count(*)::int as built from pg_index'))[0];
    const look = async () => {
      const status = await withSession(database.connection, 'status', (session) =>
        readDatabaseStatus(session, async () => ({ open: true, because: '' })),
      );
      return { last: status.current?.last, indexes: await indexes() };
    };
    if (phase === 'cleanup') await run.forward('main');
    goesBack = phase !== 'cleanup';
    let before: unknown;
    let seen: ReturnType<typeof look> | null = null;
    run.caller = async ({ activity, call }) => {
      if (activity !== step) return call();
      before = await indexes();
      await database.superuser(`select pg_create_physical_replication_slot('forgotten', true)`);
      await writeSegments();
      return call({
        ...attempt(),
        heartbeat: (progress: object) => {
          if (seen !== null || !/^the slot/.test((progress as { heldBy?: string }).heldBy ?? '')) return;
          // the journal has it just after
          seen = new Promise((resolve) => setTimeout(resolve, 300)).then(look);
          void seen.finally(() => database.superuser(`select pg_drop_replication_slot('forgotten')`));
        },
      });
    };
    await run.forward(phase, phase === 'main' ? 'buildTwins' : 'kept');
    run.caller = ({ call }) => call();
    expect(await seen).toEqual({
      last: expect.objectContaining({
        step,
        held: expect.stringMatching(/^the slot forgotten, .* 64 MB$/),
      }),
      indexes: before,
    });
    const told = await database.sql(
      `select object from rekey.journal where phase = $1 and step = $2 and starts_with(detail->>'held', 'the slot')`,
      [phase, step],
    );
    expect(told).toEqual([{ object: expect.stringContaining(object) }]);
  }

  it('and a twin is not begun while a slot fills the disk: status says why, and it goes on when that is gone', () =>
    holdsAnIndex('main', 'buildTwins', 'index people'));

  it('and an index of cleanup is not begun while a slot fills the disk: status says why, and it goes on when that is gone', () =>
    holdsAnIndex('cleanup', 'buildIndexes', 'index people_by_name'));
});
