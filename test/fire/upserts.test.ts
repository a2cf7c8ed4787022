import type { Client } from 'pg';
import { isTwinDeadlock } from '../../chaos/clients/session.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { LocalRun } from '../activities/local-run.js';
import { dumpOf } from '../activities/reference-database.js';
import { Scene, shopPlan } from '../checks/fixture.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';

const schema = `
create table people (id serial primary key, name text not null);
create table places (id serial primary key, person_id integer not null references people, n integer not null, hits integer not null default 1,
  constraint places_once unique (person_id, n));
insert into people (name) select 'p' || n from generate_series(1, 40) n;
insert into places (person_id, n) select p, n from generate_series(1, 40) p, generate_series(1, 10) n`;

const planWith = (twins: string, more = '') => `version: 1
plan: upserts
twins: ${twins}
${more}phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people, places] }
`;

let next = 0;

/** Sixteen clients on the same pairs; each counts what was answered, by SQLSTATE and constraint. */
class Upserts {
  readonly refused = new Map<string, number>();
  acknowledged = 0;
  /** by the deadlock that a unique index beside the named one makes possible, and no other */
  deadlocks = 0;
  private going = true;
  private readonly ended: Promise<void>[];

  private constructor(clients: Client[]) {
    this.ended = clients.map((client) => this.run(client));
  }

  static async start(database: ConnectedDatabase): Promise<Upserts> {
    return new Upserts(await Promise.all(Array.from({ length: 16 }, () => database.app())));
  }

  async stop(): Promise<void> {
    this.going = false;
    await Promise.all(this.ended);
  }

  private async run(client: Client): Promise<void> {
    while (this.going) {
      // sixteen in a row for one pair that is new; by name, as the integer of before the cutover is the UUID of afterwards
      const pair = Math.floor(next++ / 16);
      const values = [`p${(pair % 40) + 1}`, 1_000 + pair];
      await this.upsert(client, values);
    }
    await client.end();
  }

  private async upsert(client: Client, values: unknown[]): Promise<void> {
    try {
      await client.query(
        `insert into places (person_id, n) select id, $2::integer from people where name = $1
         on conflict (person_id, n) do update set hits = places.hits + 1`,
        values,
      );
      this.acknowledged += 1;
    } catch (error) {
      const { code, constraint } = error as { code?: string; constraint?: string };
      if (isTwinDeadlock(error)) this.deadlocks += 1;
      else {
        const what = `${code} ${constraint ?? ''}`.trim();
        this.refused.set(what, (this.refused.get(what) ?? 0) + 1);
      }
    }
  }
}

describe('Upserts of sixteen clients on the same values', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;
  beforeEach(async () => {
    database = await connectedDatabase(testVersions()[0] as number);
    await database.sql(schema);
  });
  afterEach(async () => {
    run?.end();
    await database?.drop();
  });

  async function hits(): Promise<number> {
    const [row] = await database.sql('select sum(hits)::int as hits from places');
    return row?.hits as number;
  }

  it('with twins: late none is refused until the approval and none after the cutover; only the named key refuses in the moments around the two swaps, and each that was acknowledged counts', async () => {
    run = new LocalRun(database.connection, planWith('late'));
    await run.forward('foundation');
    const before = await dumpOf(database.ownerUrl, testVersions()[0] as number);
    const waiting = await Upserts.start(database);
    const ref = await run.forward('main', 'buildTwins');
    // the gate waits: what is validated meanwhile misses no twin that comes after the approval
    await run.validate(ref, 'waiting');
    await waiting.stop();
    expect([...waiting.refused]).toEqual([]);
    expect(waiting.deadlocks).toBe(0);
    const unique = await database.sql(
      `select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
       where i.indrelid = 'places'::regclass and i.indisunique and c.relname like '%uuid%'`,
    );
    expect(unique).toEqual([]);

    const swapping = await Upserts.start(database);
    await run.forward('main', 'swapKeys');
    await swapping.stop();
    // the application's statement is prepared anew for each call, so that no type is wrong for long
    const others = [...swapping.refused].filter(
      ([what]) => !/^(23505 places_once_uuid|23505 places_once)$/.test(what),
    );
    expect(others).toEqual([]);

    const after = await Upserts.start(database);
    while (after.acknowledged < 300) await new Promise((resolve) => setTimeout(resolve, 10));
    await after.stop();
    expect([...after.refused]).toEqual([]);
    expect(after.deadlocks).toBe(0);

    const back = await Upserts.start(database);
    await run.back('main');
    await back.stop();
    const unnamed = [...back.refused].filter(([what]) => !/^23505 (legacy_)?places_once/.test(what));
    expect(unnamed).toEqual([]);
    const all = waiting.acknowledged + swapping.acknowledged + after.acknowledged + back.acknowledged;
    expect(await hits()).toBe(400 + all);
    expect(await dumpOf(database.ownerUrl, testVersions()[0] as number)).toBe(before);
    const count = (of: Upserts) => [...of.refused.values()].reduce((sum, n) => sum + n, 0);
    figure('23505 with twins: late, before the approval', count(waiting), 'statements');
    figure('23505 with twins: late, from the approval to after the cutover', count(swapping), 'statements');
    figure(
      '40P01 among upserts while a unique twin stands, twins: late',
      swapping.deadlocks + back.deadlocks,
      'statements',
    );
    figure('23505 after the cutover', count(after), 'statements');
    figure('23505 on the way back', count(back), 'statements');
  }, 60_000);

  it('with twins: early and accepted they fail on the named twin only, and each that was acknowledged counts', async () => {
    await database.sql(`create function up(p integer, m integer) returns void language sql as
      $$ insert into places (person_id, n) values (p, m) on conflict (person_id, n) do update set hits = 2 $$`);
    const accepted = 'accept: [{ hazard: unique-twin-upsert, on: places, because: clients retry }]\n';
    const unaccepted = new LocalRun(database.connection, planWith('early'));
    await unaccepted.forward('foundation');
    await expect(unaccepted.forward('main', 'preflight')).rejects.toMatchObject({
      code: 'unique-twin-upsert',
      message: expect.stringContaining('write twins: late'),
    });
    unaccepted.end();
    await database.sql('drop schema rekey cascade');
    run = new LocalRun(database.connection, planWith('early', accepted));
    await run.forward('foundation');
    const upserts = await Upserts.start(database);
    await run.forward('main', 'buildTwins');
    // FACTS saw one in some hundreds; where none comes by then, nothing is shown but that none came
    const enough = upserts.acknowledged + 8_000;
    while (upserts.acknowledged < enough && upserts.refused.size === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await upserts.stop();
    expect([...upserts.refused.keys()].filter((what) => what !== '23505 places_once_uuid')).toEqual([]);
    expect(await hits()).toBe(400 + upserts.acknowledged);
    figure('23505 with twins: early', upserts.refused.get('23505 places_once_uuid') ?? 0, 'statements');
  }, 60_000);
});

describe('Two upserts of one value, and a third that was first', () => {
  let database: ConnectedDatabase;
  beforeAll(async () => {
    database = await connectedDatabase(testVersions()[0] as number);
    // holds a session up where its row comes to an index, at the lock of its own number
    await database.sql(`create table held ();
      create function hold(at integer, k integer) returns integer language plpgsql immutable as $$ begin
        perform pg_advisory_xact_lock_shared(at + nullif(current_setting('test.number', true), '')::integer);
        return k;
      end $$`);
  });
  afterAll(() => database?.drop());

  /**
   * The first one's row lies first in the table, though the second looked before it was there. The second is in the named
   * index and not yet in the one beside it when the third updates the first's row: SQLSTATEs of what was refused.
   */
  async function upserts(beside: 'index' | 'unique index'): Promise<string[]> {
    await database.sql(`drop table held; create table held (k integer, hits integer);
      create index held_before on held (hold(1, k)); create index held_hits on held (hits);
      alter table held add constraint held_key unique (k);
      create ${beside} held_beside on held (hold(2, k))`);
    const gate = await database.app();
    const clients = await Promise.all(
      [10, 20, 30].map(async (number) => {
        const client = await database.app();
        await client.query(`set test.number = ${number}`);
        return client;
      }),
    );
    const [first, second, third] = clients.map(
      (client) => () =>
        client
          .query('insert into held values (1, 1) on conflict (k) do update set hits = held.hits + 1')
          .then(
            () => [],
            (error) => [isTwinDeadlock(error) ? `${error.code} over a speculative token` : error.code],
          ),
    );
    const waits = async (locktype: string, objid: number) => {
      const sql = `select 1 from pg_locks where locktype = '${locktype}' and objid = ${objid} and not granted`;
      while ((await database.superuser(sql)).length === 0) await new Promise((r) => setTimeout(r, 10));
    };
    const open = (lock: number) => gate.query('select pg_advisory_unlock($1)', [lock]);
    await gate.query('select pg_advisory_lock(11), pg_advisory_lock(21), pg_advisory_lock(22)');
    const ends = [first?.()];
    await waits('advisory', 11);
    ends.push(second?.());
    await waits('advisory', 21);
    await open(11);
    await ends[0];
    await open(21);
    await waits('advisory', 22);
    ends.push(third?.());
    const sql = `select 1 from pg_locks where locktype = 'spectoken' and not granted`;
    while ((await database.superuser(sql)).length === 0) await new Promise((r) => setTimeout(r, 10));
    await open(22);
    return (await Promise.all(ends)).flat();
  }

  it('is a deadlock of PostgreSQL’s own where a second unique index stands beside the one that they name, without Rekey, and none where it is not unique', async () => {
    expect(await upserts('index')).toEqual([]);
    // whoever is let go first, the other may be refused by the second index
    expect(await upserts('unique index')).toContain('40P01 over a speculative token');
  }, 30_000);
});

describe('Whether clients upsert', () => {
  let server: PostgresServer;
  let scene: Scene;
  beforeAll(async () => {
    server = await startPostgres({
      own: true,
      settings: { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.max': '300' },
    });
    scene = await Scene.open(undefined, { ...server, version: 18 } as never);
  });
  afterAll(async () => {
    await scene?.close();
    await server?.stop();
  });
  const hazardsWith = async (twins: string) =>
    (await scene.judged(shopPlan.replace(/^twins: early\n/m, twins && `twins: ${twins}\n`))).unhandled.filter(
      (h) => h.hazard === 'unique-twin-upsert',
    );
  const found = async (twins: string) => (await hazardsWith(twins)).map((h) => h.on);
  const notes = async () => (await scene.judged()).notes.map((n) => n.message).join('; ');

  test('is read from pg_stat_statements; then the plan has to choose: late, or early with a because', async () => {
    await scene.db.superuser('create extension pg_stat_statements');
    expect(await found('')).toEqual([]);
    expect(await notes()).toMatch(/an upsert into orders could fail.*: none was seen since 20\d\d-/);
    const app = await scene.db.app();
    await app.query(
      'insert into orders (person_id, no) values (1, 1) on conflict (person_id, no) do update set no = excluded.no',
    );
    expect(await found('')).toEqual(['orders']);
    expect(await found('early')).toEqual(['orders']);
    expect(await found('late')).toEqual([]);
  });

  /** The phase does not start, says why, and does once the plan has chosen. */
  const mustChoose = async (why: RegExp) => {
    const hazards = await hazardsWith('');
    expect(hazards.map((h) => h.on)).toEqual(['lines', 'orders']);
    for (const { rank, message, remedy } of hazards) {
      expect(rank).toBe('accept');
      expect(message).toMatch(why);
      expect(remedy).toMatch(/let the plan choose: twins: late .*; twins: early/);
    }
    expect(await found('ask')).toEqual(['lines', 'orders']);
    expect(await found('early')).toEqual([]);
    expect(await found('late')).toEqual([]);
    expect(await notes()).toMatch(why);
  };

  test('can not be ruled out where pg_stat_statements has forgotten statements: the plan has to choose', async () => {
    await scene.db.superuser('select pg_stat_statements_reset()');
    expect(await found('')).toEqual([]);
    const kinds = Array.from({ length: 400 }, (_, n) => `select 1${', 1'.repeat(n)}`);
    await scene.db.superuser(kinds.join('; '));
    await mustChoose(/pg_stat_statements has forgotten statements: raise pg_stat_statements.max/);
  });

  test('can not be ruled out where the role may not read what others run: the plan has to choose', async () => {
    await scene.db.superuser('revoke select on pg_stat_statements from public');
    await mustChoose(/does not show Rekey's role what others run/);
    await scene.db.superuser('grant select on pg_stat_statements to public');
  });

  test('can not be ruled out where pg_stat_statements looks at nothing: the plan has to choose', async () => {
    await scene.db.superuser('select pg_stat_statements_reset()');
    await scene.db.superuser(`alter system set pg_stat_statements.track = 'none'`);
    await scene.db.superuser('select pg_reload_conf()');
    await mustChoose(/track is none/);
    await scene.db.superuser('alter system reset pg_stat_statements.track');
    await scene.db.superuser('select pg_reload_conf()');
  });

  test('can not be ruled out without pg_stat_statements: the plan has to choose', async () => {
    await scene.db.superuser('drop extension if exists pg_stat_statements');
    await mustChoose(/pg_stat_statements is not there to ask/);
  });
});
