import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { LocalRun } from '../activities/local-run.js';
import { Scene, shopPlan } from '../checks/fixture.js';
import { figure } from '../figures.js';
import { freshDatabase, type TestDatabase } from '../servers.js';

const plan = `${shopPlan.replace(
  'phases:',
  `backup: { external: none }
accept: [{ hazard: disk-not-known, on: disk, because: a test }]
subscribers: [{ name: lake, because: its columns go along by hand }]
phases:`,
)}  - { phase: cleanup, kind: cleanup }
`;

const tables = `create table people (id integer primary key, name text not null, manager_id integer);
  create table orders (id integer primary key, person_id integer not null, no integer not null, noted_by integer);
  create table lines (order_id integer not null, position integer not null, primary key (order_id, position));`;

/** What whoever looks after the subscriber does, and when: the plan's because says it. */
const prepared = {
  beforeAddColumns: `alter table people add uuid_id uuid, add manager_id_uuid uuid;
    alter table orders add uuid_id uuid, add person_id_uuid uuid; alter table lines add order_id_uuid uuid;`,
  afterSwap: `begin;
    alter table people drop constraint people_pkey, alter id drop not null;
    alter table people rename id to legacy_id; alter table people rename manager_id to legacy_manager_id;
    alter table people rename uuid_id to id; alter table people rename manager_id_uuid to manager_id;
    alter table people add constraint people_pkey primary key (id);
    alter table orders drop constraint orders_pkey, alter id drop not null, alter person_id drop not null;
    alter table orders rename id to legacy_id; alter table orders rename person_id to legacy_person_id;
    alter table orders rename uuid_id to id; alter table orders rename person_id_uuid to person_id;
    alter table orders add constraint orders_pkey primary key (id);
    alter table lines drop constraint lines_pkey, alter order_id drop not null;
    alter table lines rename order_id to legacy_order_id; alter table lines rename order_id_uuid to order_id;
    alter table lines add constraint lines_pkey primary key (order_id, position);
    commit;`,
  afterSwapBack: `begin;
    alter table people drop constraint people_pkey;
    alter table people rename id to uuid_id; alter table people rename manager_id to manager_id_uuid;
    alter table people rename legacy_id to id; alter table people rename legacy_manager_id to manager_id;
    alter table people add constraint people_pkey primary key (id), alter uuid_id drop not null;
    alter table orders drop constraint orders_pkey;
    alter table orders rename id to uuid_id; alter table orders rename person_id to person_id_uuid;
    alter table orders rename legacy_id to id; alter table orders rename legacy_person_id to person_id;
    alter table orders add constraint orders_pkey primary key (id), alter uuid_id drop not null;
    alter table lines drop constraint lines_pkey;
    alter table lines rename order_id to order_id_uuid; alter table lines rename legacy_order_id to order_id;
    alter table lines add constraint lines_pkey primary key (order_id, position), alter order_id_uuid drop not null;
    commit;`,
};

/** All rows by value, keys as text; legacy columns are Rekey's own. */
const rowsSql = `select 'p ' || concat_ws('|', id, name, manager_id) as r from people
  union all select 'o ' || concat_ws('|', id, person_id, no) from orders
  union all select 'l ' || concat_ws('|', order_id, position) from lines order by 1`;

interface Writes {
  sofar(): number;
  stop(): Promise<number>;
}

describe('A phase while rows go to a live subscriber, and come from one', () => {
  let server: PostgresServer;
  let scene: Scene;
  let elsewhere: TestDatabase;
  let other: Client;
  let run: LocalRun;
  let on: never;
  let writes: Writes | undefined;

  beforeAll(async () => {
    server = await startPostgres({
      own: true,
      settings: { wal_level: 'logical', wal_retrieve_retry_interval: '300ms' },
    });
    on = { ...server, version: 18 } as never;
    scene = await Scene.open(undefined, on);
    elsewhere = await freshDatabase(on);
    other = new Client({ connectionString: elsewhere.superuserUrl });
    await other.connect();
  }, 60_000);
  afterAll(async () => {
    await writes?.stop();
    run?.end();
    await other?.query('drop subscription if exists lake').catch(() => undefined);
    await other?.end();
    await scene?.close();
    await server?.stop();
  });

  const addressOf = (databaseUrl: string) => {
    const { port, username, password } = new URL(server.superuserUrl);
    return `host=127.0.0.1 port=${port} dbname=${new URL(databaseUrl).pathname.slice(1)} user=${username} password=${password}`;
  };
  const until = async (what: string, seen: () => Promise<boolean>) => {
    for (const deadline = Date.now() + 20_000; !(await seen()); ) {
      if (Date.now() > deadline)
        throw new Error(`after a minute there is still not: ${what}: ${server.log().slice(-1500)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const rows = async (query: (sql: string) => Promise<unknown>) => JSON.stringify(await query(rowsSql));
  const here = () => rows(scene.db.sql);
  const there = () => rows(async (sql) => (await other.query(sql)).rows);
  const same = () => until('the same rows on both sides', async () => (await here()) === (await there()));

  /** The worker says why, and goes on saying it until somebody helps; with the clients writing on meanwhile. */
  const stands = async (why: RegExp, whileWriting = true) => {
    const at = writes?.sofar() ?? 0;
    if (whileWriting) await until('writes meanwhile', async () => (writes?.sofar() ?? 0) > at + 3);
    const last = () =>
      server
        .log()
        .split('\n')
        .findLast((line) => /ERROR: .*(replicated column|type uuid)/.test(line));
    await until(`it stands still: ${why}`, async () => why.test(last() ?? ''));
  };
  /** All that was written by now. */
  const allApplied = async () => {
    const [now] = await scene.db.superuser('select pg_current_wal_lsn()::text as lsn');
    const sql = `select 1 from pg_replication_slots where slot_name = 'lake' and confirmed_flush_lsn >= '${now?.lsn}'`;
    await until('all is applied', async () => (await scene.db.superuser(sql)).length > 0);
  };

  /** Writes that know no keys, all the while. */
  const writing = async (on: Scene): Promise<Writes> => {
    const app = await on.db.app();
    let over = false;
    let n = 0;
    const ended = (async () => {
      for (; !over; n++) {
        const name = `w${n}`;
        await app.query(`insert into people (name, manager_id) select $1, id from people where name = 'p7'`, [
          name,
        ]);
        await app.query(`insert into orders (person_id, no) select id, $2 from people where name = $1`, [
          name,
          5_000 + n,
        ]);
        await app.query(`insert into lines (order_id, position) select id, 1 from orders where no = $1`, [
          5_000 + n,
        ]);
        await app.query(`update people set name = name || '!' where name = $1`, [`w${n - 3}`]);
        await app.query(`update people set manager_id = null where name = $1`, [`w${n - 2}`]);
        await app.query(`delete from lines where order_id = (select id from orders where no = $1)`, [
          5_000 + n - 4,
        ]);
      }
    })();
    return {
      sofar: () => n,
      stop: async () => {
        over = true;
        await ended;
        await app.end();
        return n;
      },
    };
  };

  test('a subscriber that goes along by hand has every row of a phase forward, back, forward again and of cleanup; meanwhile it stands still and loses nothing', async () => {
    await scene.db.superuser('create publication lake for table people, orders, lines');
    await scene.db.superuser(`select pg_create_logical_replication_slot('lake', 'pgoutput')`);
    await other.query(tables);
    await other.query(
      `create subscription lake connection '${addressOf(scene.db.ownerUrl)}' publication lake with (create_slot = false, slot_name = 'lake', copy_data = true)`,
    );
    await same();
    // those of the first copy are slots, too
    const slots = () => scene.db.superuser('select 1 from pg_replication_slots');
    await until('one slot only', async () => (await slots()).length === 1);
    expect(await scene.stops()).toEqual(['publication publication lake', 'logical-slot slot lake']);
    run = new LocalRun(scene.db.connection, plan);
    await run.forward('foundation');
    writes = await writing(scene);
    await other.query(prepared.beforeAddColumns);
    await run.forward('main');
    await stands(/missing replicated columns?: "legacy_/);
    await other.query(prepared.afterSwap);
    await allApplied();
    await run.back('main');
    await stands(/missing replicated columns?: "(uuid_id|\w+_uuid)"/);
    await other.query(prepared.afterSwapBack);
    await allApplied();
    await run.forward('main');
    await stands(/missing replicated columns?: "legacy_/);
    await other.query(prepared.afterSwap);
    await run.forward('cleanup');
    await allApplied();
    figure('rows written while a subscriber went along', await writes.stop(), 'people');
    await same();
    await other.query('drop subscription lake');
    run.end();
  }, 120_000);

  test('a subscription that writes into the tables is found, fills shadows as clients do, stands still after the cutover and goes on by itself after a swap back', async () => {
    const target = await Scene.open(undefined, on);
    try {
      await other.query(
        `drop table people, orders, lines; ${tables} create publication feed for table people`,
      );
      await other.query(`select pg_create_logical_replication_slot('feed', 'pgoutput')`);
      await target.db.superuser(
        `create subscription feed connection '${addressOf(elsewhere.ownerUrl)}' publication feed with (create_slot = false, slot_name = 'feed', copy_data = false)`,
      );
      expect(await target.stops(plan)).toEqual(['subscription subscription feed']);
      const named = plan.replace('name: lake', 'name: feed');
      expect(await target.stops(named)).toEqual([]);
      run = new LocalRun(target.db.connection, named);
      await run.forward('foundation');
      let n = 0;
      const bring = async (until: () => boolean) => {
        do {
          n += 1;
          await other.query('insert into people values ($1, $2, $3)', [
            10_000 + n,
            `f${n}`,
            n % 2 ? 5 : 10_000 + n,
          ]);
          await other.query(`update people set name = name || '!', manager_id = 6 where id = $1`, [
            10_000 + n - 2,
          ]);
        } while (!until());
      };
      let built = false;
      await Promise.all([
        run.forward('main', 'buildTwins').then(() => {
          built = true;
        }),
        bring(() => built),
      ]);
      const brought = async (keys: string) =>
        (await target.db.sql(`select count(*)::integer as n from people where ${keys} >= 10000`))[0]?.n;
      await until('what was brought is there', async () => (await brought('id')) === n);
      expect(
        await target.db.sql(
          'select 1 from people where uuid_id is null or manager_id is not null and manager_id_uuid is null',
        ),
      ).toEqual([]);
      await run.forward('main');
      const before = n;
      await bring(() => n >= before + 3);
      await stands(/invalid input syntax for type uuid/, false);
      expect(await brought('legacy_id')).toBe(before);
      await run.back('main');
      await until('it goes on', async () => (await brought('id')) === n);
      const sql = 'select id, name, manager_id from people where id >= 10000 order by id';
      await until(
        'each row as it was brought',
        async () =>
          JSON.stringify(await target.db.sql(sql)) === JSON.stringify((await other.query(sql)).rows),
      );
    } finally {
      await target.db.superuser('drop subscription if exists feed').catch(() => undefined);
      run.end();
      await target.close();
    }
  }, 120_000);

  test('between a swap back and its last online work updates and deletes of a published table whose key is made of references are taken, and then it is what it was', async () => {
    const published = await Scene.open(undefined, on);
    try {
      await published.db.superuser('create publication of_lines for table lines');
      await published.look();
      await published.forward();
      await published.swap();
      const app = await published.db.app();
      await published.back(async () => {
        await app.query('update lines set position = 9 where position = 3 and order_id = 1');
        await app.query('delete from lines where order_id = 2');
      });
      const identity = await published.db.sql(
        `select relreplident as is from pg_class where relname = 'lines'`,
      );
      expect(identity).toEqual([{ is: 'd' }]);
      expect(await published.db.sql('select 1 from lines where position = 9')).toHaveLength(1);
    } finally {
      await published.close();
    }
  });

  test("a publication of all tables stops foundation before there is a table of Rekey's for it to have", async () => {
    const all = await Scene.open(undefined, on);
    try {
      await all.db.superuser('create publication everything for all tables');
      run = new LocalRun(all.db.connection, shopPlan);
      await expect(run.forward('foundation')).rejects.toMatchObject({
        code: 'publication-all-tables',
        message: expect.stringContaining('the publication everything has all tables, those that Rekey makes'),
      });
      expect(await all.db.sql("select from pg_namespace where nspname = 'rekey'")).toEqual([]);
      await all.db.superuser('drop publication everything');
      await run.forward('foundation');
    } finally {
      run.end();
      await all.close();
    }
  });
});
