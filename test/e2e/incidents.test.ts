import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client as Postgres } from 'pg';
import { freePorts } from '../../src/servers/free-port.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import { type Page, pageNamed } from './incident-pages.js';
import { Night } from './night.js';
import { chapters } from './stage.js';

const schema = `
create table users (user_id serial primary key, email text not null unique, lead_id integer references users);
create table orders (id serial primary key, user_id integer not null references users, note text not null default 'same');
insert into users (email) select 'u' || n from generate_series(1, 40) n;
insert into orders (user_id) select n from generate_series(1, 40) n;
`;
const plan = `version: 1
plan: testapp
twins: early
backup: { external: snapshot-of-tonight }
map: { pause-when: { oldest-transaction: 3s } }
locks: { tries: 5, within: 1s }
phases:
  - { phase: foundation, kind: foundation, backup: full }
  - phase: users
    tables: [users]
    hooks: { before-swap: stop-application, after-swap-back: start-previous-version }
    checkpoints: { before-swap: { approvals: 2, from: [database-on-call, release-manager] } }
  - phase: orders
    tables: [orders]
  - phase: cleanup
    kind: cleanup
    indexes: ["create unique index concurrently orders_note on orders (note)"]
`;
const hooks = `stop-application: { command: [sh, FOLDER/stop.sh], timeout: 10s }
start-previous-version: { command: [echo, back], timeout: 10s }
`;
const [migration, foundation, users, orders, cleanup] = [
  '',
  '/foundation',
  '/users',
  '/orders',
  '/cleanup',
].map((end) => `testapp${end}`) as [string, string, string, string, string];

/** Each chapter brings an incident about, reads its page as the operator would, and types what stands there. */
describe('A Saturday night, page by page', () => {
  const chapter = chapters();
  let night: Night;
  let planFile: string;
  let nowhere: string;
  let inTheWay: string;
  const sessions: Postgres[] = [];

  beforeAll(async () => {
    night = await Night.falls(schema, plan, hooks);
    planFile = join(night.folder, 'testapp.yaml');
    nowhere = `127.0.0.1:${(await freePorts(1))[0]}`;
    night.variables.REKEY_CONNECTION_TESTAPP_SCRATCH = night.server.superuserUrl;
    const tools = await fetchPostgresTools(18);
    if (tools) night.variables.REKEY_PG_BIN = tools.bin;
    // nobody can make a directory of this name
    writeFileSync(join(night.folder, 'stop.sh'), 'exit 1');
    inTheWay = join(night.folder, 'backups', night.database.name);
    mkdirSync(join(night.folder, 'backups'));
    writeFileSync(inTheWay, '');
  }, 120_000);

  afterAll(async () => {
    for (const session of sessions) await session.end().catch(() => undefined);
    await night?.dawn();
  }, 60_000);

  /** Somebody's transaction that is open; answers with its backend. */
  async function transaction(name: string, sql: string): Promise<number> {
    const client = new Postgres({ connectionString: night.database.ownerUrl, application_name: name });
    client.on('error', () => undefined);
    await client.connect();
    sessions.push(client);
    await client.query(`begin; ${sql}`);
    return (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
  }

  const superuser = (sql: string) => night.database.query(sql, [], night.database.superuserUrl);
  const start = 'Temporal workflow';
  const startAgain = () => night.typed(pageNamed('The workflow has ended in the middle').types[1] as string);
  const resultOf = (id: string) => `temporal workflow result --workflow-id ${id}`;

  async function terminate(...ids: string[]): Promise<void> {
    for (const id of ids)
      await night
        .handle(id)
        .terminate(start)
        .catch(() => undefined);
  }

  async function ended(id: string): Promise<string> {
    const how = await night.until(`${id} has ended`, async () => {
      const { name } = (await night.handle(id).describe()).status;
      return name === 'RUNNING' ? null : name;
    });
    return how as string;
  }

  async function approveAll(id: string, checkpoint: string, more = 0): Promise<void> {
    await night.approve(id, checkpoint);
    for (let given = 1; given <= more; given++) {
      await night.until(
        'it counts',
        async () => (await night.status(id)).checkpoint?.approvals.length === given,
      );
      await night.approve(id, checkpoint);
    }
  }

  chapter('no worker: npx rekey worker', async () => {
    const page = pageNamed('No worker');
    await startAgain();
    await night.sees(page, 'npx rekey status testapp --workflow-id testapp');
    await night.follows(page.types);
    await night.at(foundation, 'parked', 'backup');
  });

  chapter('the backup has failed: let it be written, a new worker, retry', async () => {
    const page = pageNamed('The backup has failed');
    await night.sees(page);
    rmSync(inTheWay);
    await night.stopWorkers();
    await night.follows(page.types, [], foundation);
    await night.at(foundation, 'waiting-for-approval', 'after');
    await superuser(
      'set session_replication_role = replica; update users set lead_id = 999 where user_id = 7',
    );
    await night.approve(foundation, 'after');
    await night.at(users, 'parked', 'preflight');
  });

  chapter('a hazard stands in the way: look, repair, retry', async () => {
    const page = pageNamed('A hazard stands in the way');
    await night.sees(page);
    await night.follows(page.types.slice(0, -1));
    // for the next page; young enough for preflight
    await transaction('report', 'select count(*) from orders');
    await night.follows(page.types.slice(-1));
    await night.at(users, 'parked', 'addColumns');
  });

  chapter('locks are not to be had: end the session that is named, retry', async () => {
    const page = pageNamed('Locks are not to be had');
    const shown = await night.sees(page);
    const pid = /held by pid (\d+)/.exec(shown)?.[1] ?? '';
    await transaction('nightly-export', 'select 1');
    await night.until('it is older than the throttle allows', async () => {
      const old = `select 1 from pg_stat_activity where application_name = 'nightly-export' and clock_timestamp() - xact_start > '3.2 s'`;
      return (await night.database.query(old)).length > 0;
    });
    await night.follows(page.types, [['4711', pid]]);
    await night.at(users, 'running', 'map');
  });

  chapter('the throttle holds it: see who it is, end it, and it goes on by itself', async () => {
    const page = pageNamed('The throttle holds it');
    await night.sees(page);
    const [oldest] = await night.database.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'nightly-export'`,
    );
    const [listed] = await night.follows(page.types, [['4711', String(oldest?.pid)]]);
    expect(listed?.text).toContain('nightly-export');
    await night.at(users, 'waiting-for-approval', 'before-swap');
  });

  chapter('it waits for an approval', async () => {
    const page = pageNamed('It waits for an approval');
    await night.sees(page);
    await night.follows(page.types);
    await night.until(
      'it counts',
      async () => (await night.status(users)).checkpoint?.approvals.length === 1,
    );
    expect(page.orElse[0]).toContain('--name reject');
  });

  chapter('a decision had no effect: decide answers at once', async () => {
    const page = pageNamed('A decision had no effect');
    await night.follows(pageNamed('It waits for an approval').types);
    await night.sees(page);
    await night.typed(`temporal workflow signal --workflow-id ${users} --name pause --input '{"by":"ann"}'`);
    const typed = await night.follows(page.types, [['"by":"database-on-call"', '"by":"release-manager"']]);
    expect(typed[1]?.text).toContain('counted:true');
    await night.at(users, 'paused');
  });

  chapter('it is paused: resume', async () => {
    const page = pageNamed('It is paused');
    await night.sees(page);
    await night.follows(page.types);
    await night.at(users, 'parked', 'hook before-swap');
  });

  chapter('a hook has failed: mend it, retry', async () => {
    const page = pageNamed('A hook has failed');
    await night.sees(page);
    // a deployment that brings a migration of its own along, between the validation and the cutover
    writeFileSync(
      join(night.folder, 'stop.sh'),
      `cd ${night.folder}; [ -e changed ] && exit 0; touch changed
       bin/psql '${night.database.ownerUrl}' -c 'create table badges (id serial primary key, user_id integer references users)'`,
    );
    await night.follows(page.types);
    await night.at(users, 'parked', 'swapKeys');
  });

  chapter('the schema was changed: take the change back, retry', async () => {
    const page = pageNamed('The schema was changed');
    await night.sees(page);
    await night.database.query(
      `update users set lead_id = 2 where user_id = 6; alter table users disable trigger "~rekey_users"; update users set lead_id = 3 where user_id in (5, 6)`,
    );
    await night.follows(page.types);
    await night.at(users, 'parked', 'validate');
  });

  chapter(
    'validation has failed: switch the trigger on, touch the rows, retry; approvals are void',
    async () => {
      const page = pageNamed('Validation has failed');
      await night.sees(page);
      await night.sees(page, 'npx rekey doctor testapp', 1);
      await night.follows(page.types);
      const { checkpoint } = await night.at(users, 'waiting-for-approval', 'before-swap');
      expect(checkpoint?.approvals).toEqual([]);
    },
  );

  chapter('the workflow has ended in the middle: start it again', async () => {
    const page = pageNamed('The workflow has ended in the middle');
    await terminate(migration, users);
    await night.sees(page);
    await night.follows(page.types);
    await night.at(users, 'waiting-for-approval', 'before-swap');
    expect(page.orElse[1]).toContain('--type rollBackPhase');
  });

  /** A start that ends FAILED with what the page says; once it is mended, the page's commands go on. */
  async function refused(page: Page, mend: () => Promise<void> | void): Promise<void> {
    await startAgain();
    expect(await ended(migration)).toBe('FAILED');
    await night.sees(page, resultOf(migration));
    await mend();
    await night.follows(page.types);
    await night.at(users, 'waiting-for-approval', 'before-swap');
    await terminate(migration, users);
  }

  chapter('a start was refused: correct the plan, start again', async () => {
    await terminate(migration, users);
    writeFileSync(planFile, plan.replace('kind: cleanup', 'kind: clean'));
    await refused(pageNamed('A start was refused'), () => writeFileSync(planFile, plan));
  });

  chapter('the plan was changed in the middle: put it back, start again', async () => {
    writeFileSync(planFile, plan.replace('approvals: 2', 'approvals: 1'));
    const page = pageNamed('The plan was changed in the middle');
    await refused(page, () => writeFileSync(planFile, plan));
    expect((await night.follows(page.orElse))[0]?.text).toContain('"phase":"users"');
  });

  chapter('another Temporal owns the database: let it go, start again', async () => {
    await night.database.query(`update rekey.owner set cluster_id = 'one that is gone for good'`);
    await refused(pageNamed('Another Temporal owns the database'), () => undefined);
    await startAgain();
    await approveAll(users, 'before-swap');
  });

  chapter('the workflow was reset: approve the new opening', async () => {
    const page = pageNamed('The workflow was reset');
    const before = await night.at(users, 'waiting-for-approval', 'before-swap');
    await night.typed(
      `temporal workflow reset --workflow-id ${users} --type FirstWorkflowTask --reason "somebody tried"`,
    );
    await night.until('it is open again', async () => {
      const { checkpoint } = await night.status(users);
      return (checkpoint?.opening ?? 0) > (before.checkpoint?.opening ?? 0);
    });
    await night.sees(page);
    await night.follows(page.types);
    await night.until(
      'it counts',
      async () => (await night.status(users)).checkpoint?.approvals.length === 1,
    );
  });

  chapter('PostgreSQL does not answer: once it is up, retry', async () => {
    const page = pageNamed('PostgreSQL does not answer');
    await night.server.shutDownAtOnce();
    await night.sees(page);
    const { next } = await night.status(users);
    await night.typed(next[0] as string);
    const { failure } = await night.at(users, 'parked');
    await night.sees(page, `temporal workflow query --workflow-id ${users} --type status`, 1);
    await night.server.restart();
    const [status] = await night.follows(page.types, [['"step":"validate"', `"step":"${failure?.step}"`]]);
    // the journal could not be told why: the workflow knows
    expect(status?.text).toContain('code   connection.no-answer');
    // a hook that was to run in the outage has failed on its own
    const second = await night.until('it goes on', async () => {
      const now = await night.status(users);
      return now.checkpoint?.name === 'after-swap' || (now.failure && now.failure.step !== failure?.step)
        ? now
        : null;
    });
    if (second?.state === 'parked') await night.typed(second.next[0] as string);
    await night.at(users, 'waiting-for-approval', 'after-swap');
  });

  chapter('another run owns the database: go on with the first one', async () => {
    const page = pageNamed('Another run owns the database');
    await night.typed(
      (pageNamed('The workflow has ended in the middle').types[1] as string).replace(
        '-id testapp',
        '-id testapp-2',
      ),
    );
    expect(await ended('testapp-2')).toBe('FAILED');
    await night.sees(page, resultOf('testapp-2'));
    const [status] = await night.follows(page.types);
    expect(status?.text).toContain('waiting for approval at after-swap');
  });

  chapter('the application does not run on the new keys: reject', async () => {
    const page = pageNamed('The application does not run on the new keys');
    await night.sees(page);
    await night.database.query('create table badges (id serial primary key, user_id uuid references users)');
    await night.follows(page.types);
    await night.at(users, 'parked', 'swapKeysBack');
  });

  chapter('the way back stands still: take away what hangs on the new keys, retry', async () => {
    const page = pageNamed('The way back stands still');
    await night.sees(page);
    await night.follows(page.types);
    expect(await night.handle(users).result()).toMatchObject({ outcome: 'rolled-back' });
    await ended(migration);
  });

  chapter('it was cancelled: it rolls back, and can be started again', async () => {
    const page = pageNamed('It was cancelled');
    await startAgain();
    await night.at(users, 'waiting-for-approval', 'before-swap');
    await night.typed('temporal workflow cancel --workflow-id testapp');
    await ended(migration);
    await night.sees(page);
    await night.follows(page.types);
    await night.at(users, 'waiting-for-approval', 'before-swap');
  });

  chapter('the undo stops, as the owner runs: cancel, then undo', async () => {
    const page = pageNamed('The undo stops');
    const [cancel, undo] = page.types as [string, string];
    await night.sees(page, undo);
    await night.follows([cancel]);
    await ended(migration);
    const [typed] = await night.follows([undo]);
    expect(typed?.text).toContain("nothing of Rekey's is to be undone");
  });

  chapter('a privilege is missing, and then the disk is full: mend, retry', async () => {
    await startAgain();
    await approveAll(users, 'before-swap', 1);
    await night.at(users, 'waiting-for-approval', 'after-swap');
    // what the server says then, at the statement where it would say it
    const refuses = (sqlstate: string) =>
      superuser(`create or replace function refuse() returns event_trigger language plpgsql as
        $$ begin if current_setting('application_name') like 'rekey orders addColumns%' then
          raise exception using errcode = '${sqlstate}'; end if; end $$`);
    await refuses('42501');
    await superuser(`create event trigger refuse on ddl_command_start execute function refuse()`);
    await night.approve(users, 'after-swap');
    await night.at(orders, 'parked', 'addColumns');
    const privilege = pageNamed('A privilege is missing');
    await night.sees(privilege);
    // four tries that are over: waiting for them takes a quarter of a minute
    await night.database.query(
      `insert into rekey.journal (run_id, phase, step, kind, sqlstate)
       select run_id, phase, step, kind, '53100' from rekey.journal, generate_series(1, 4)
       where id = (select max(id) from rekey.journal where phase = 'orders' and kind = 'failure')`,
    );
    await refuses('53100');
    const grant: [string, string][] = [
      [users, orders],
      ['schema public', 'schema rekey'],
    ];
    await night.follows(privilege.types, grant, orders);
    const page = pageNamed('PostgreSQL refuses again and again');
    await night.sees(page);
    await superuser('drop event trigger refuse');
    await night.follows(page.types, [[users, orders]], orders);
    await night.at(orders, 'waiting-for-approval', 'before-swap');
  });

  chapter('Temporal does not answer, and then is gone for good: undo, from the database alone', async () => {
    await night.stopWorkers();
    const gone = { TEMPORAL_ADDRESS: nowhere };
    const silent = pageNamed('Temporal does not answer');
    await night.sees(silent, 'npx rekey status testapp', 0, gone);
    await night.follows(silent.types);
    const page = pageNamed('Temporal is gone for good');
    await night.sees(page, 'npx rekey doctor testapp', 0, gone);
    night.variables.TEMPORAL_ADDRESS = nowhere;
    await night.follows(page.types);
    night.variables.TEMPORAL_ADDRESS = night.temporal.address;
    expect(
      await night.database.query(
        `select phase, state, (select pg_typeof(user_id)::text from users limit 1) as key from rekey.phase where phase in ('users', 'orders') order by position`,
      ),
    ).toEqual(['users', 'orders'].map((phase) => ({ phase, state: 'rolled-back', key: 'integer' })));
    await terminate(migration, orders);
  });

  chapter('cleanup stands still after its first drop: repair the rows, retry', async () => {
    await startAgain();
    await night.type('npx rekey worker');
    await approveAll(users, 'before-swap', 1);
    await night.approve(users, 'after-swap');
    await night.approve(orders, 'before-swap');
    await night.approve(orders, 'after-swap');
    await night.approve(cleanup, 'before-drop');
    await night.at(cleanup, 'parked', 'buildIndexes');
    await night.sees(pageNamed('Something is in the way of a statement'));
    const page = pageNamed('Cleanup stands still after its first drop');
    await night.sees(page);
    // its workflow runs: it would be in vain to ask for a cancel
    await night.sees(pageNamed('The last resort: the backup'), 'npx rekey undo testapp --by ann --yes');
    expect(page.types).toEqual(pageNamed('Something is in the way of a statement').types);
    await night.follows(page.types, [], cleanup);
    await night.approve(cleanup, 'after');
    expect(await night.handle(migration).result()).toMatchObject({ outcome: 'done' });
  });

  chapter('the last resort: the backup of the foundation, restored beside; and the mapping', async () => {
    const page = pageNamed('The last resort: the backup');
    await night.sees(page, 'npx rekey undo testapp --by ann --yes');
    await superuser('create database restored owner rekey_owner');
    const url = new URL(night.database.ownerUrl);
    url.pathname = '/restored';
    night.variables.REKEY_CONNECTION_RESTORED = url.href;
    const [taken] = await night.database.query<{ path: string }>(
      `select path from rekey.backup where phase = 'foundation'`,
    );
    night.variables.BACKUP = taken?.path ?? '';
    const [listed] = await night.follows(page.types);
    expect(listed?.text).toContain('"phase":"foundation"');
    expect(
      await night.database.query(
        'select pg_typeof(user_id)::text as key, count(*)::int as rows from users group by 1',
        [],
        url.href,
      ),
    ).toEqual([{ key: 'integer', rows: 40 }]);
    const [old] = await night.follows(page.orElse);
    expect(old?.text).toMatch(/"old_key":"?\d+"?/);
  });

  chapter('nothing that was seen was a stack trace', async () => {
    expect(readFileSync(join(night.folder, 'worker.log'), 'utf8')).not.toContain('failed unexpectedly');
  });
});
