import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPooler } from '../postgres/transaction-pooler.js';
import { ensureRole, freshDatabase, type TestDatabase } from '../servers.js';
import { Desk } from './desk.js';

/** The worker and the program `temporal` are the real ones: what is started here ends, parks or goes on as it would for an operator. */

const shop = `
create table people (id serial primary key, name text not null);
create table orders (id serial primary key, person_id integer not null references people, noted_by integer);
create table lines (order_id integer references orders, position integer, note text, primary key (order_id, position));
create table profiles (person_id integer primary key references people);
create table countries (code text primary key);
create table badges (id serial primary key, person_id integer references people);
insert into people (name) select 'p' || n from generate_series(1, 20) n;
insert into orders (person_id) select n from generate_series(1, 20) n;
`;

/** With the phases of these lines between the foundation and the end. */
const planOf = (phases: string, rest = '') => `version: 1
plan: shop
backup: { external: snapshot-of-tonight }
${rest}phases:
  - { phase: foundation, kind: foundation }
${phases}
twins: early
`;
const whole = planOf('  - phase: main\n    tables: [people, orders]');
const main = (tables: string, more = '') => planOf(`  - phase: main\n    tables: [${tables}]${more}`);

let desk: Desk;
let untouched: TestDatabase;
let live: TestDatabase;

beforeAll(async () => {
  [desk, untouched, live] = await Promise.all([Desk.open(), freshDatabase(), freshDatabase()]);
  await Promise.all([untouched.query(shop), live.query(shop)]);
  desk.connection('shop', untouched.ownerUrl);
  desk.environment('REKEY_PATIENCE_SECONDS', '1');
  desk.plan('shop', whole);
}, 90_000);

afterAll(async () => {
  await desk?.close();
  await Promise.all([untouched?.drop(), live?.drop()]);
}, 60_000);

async function expectRefused(
  type: string,
  input: object | null,
  code: string,
  ...says: RegExp[]
): Promise<void> {
  const refusal = await desk.refused(type, input);
  expect(refusal).toMatchObject({ status: 'FAILED', type: 'BadInput', code, waits: 0 });
  for (const text of says) expect(refusal.message).toMatch(text);
  expect(refusal.remedy).toMatch(/\S/);
}

const right = { plan: 'shop', connection: 'shop' };

describe('ends FAILED with type BadInput, at the first try, before anything is made in the database', () => {
  afterAll(async () => {
    const [schema] = await untouched.query(`select to_regnamespace('rekey') as rekey`);
    expect(schema).toEqual({ rekey: null });
  });

  test('an input without a phase, or with a word too many', async () => {
    await expectRefused('runPhase', right, 'input.unreadable', /phase/);
    await expectRefused('runMigration', { ...right, pasword: 'x' }, 'input.unreadable', /pasword/);
  });

  test('a connection that nobody configured, with the names that there are', () =>
    expectRefused('runMigration', { ...right, connection: 'shpo' }, 'connection.unknown', /shpo.*\bshop\b/));

  test('a connection to a database that is not there', async () => {
    desk.connection('nothing', untouched.ownerUrl.replace(/\/test_\w+/, '/not_there'));
    await expectRefused(
      'runPhase',
      { ...right, connection: 'nothing', phase: 'main' },
      'connection.no-database',
    );
  });

  test('a connection through a transaction pooler', async () => {
    const pooler = await startPooler(untouched.ownerUrl, 3);
    try {
      desk.connection('pooled', `postgres://moving@127.0.0.1:${pooler.port}/shop`);
      await expectRefused('runMigration', { ...right, connection: 'pooled' }, 'connection.pooler', /pooled/);
    } finally {
      await pooler.stop();
    }
  });

  test('a plan that is not there, and one that is outside of the folder of plans', async () => {
    await expectRefused('runMigration', { ...right, plan: 'shpo' }, 'plan.not-found', /shpo/);
    await expectRefused('runMigration', { ...right, plan: '../shop' }, 'plan.outside');
  });

  test('a phase that the plan does not have, with those that it has', () =>
    expectRefused('runPhase', { ...right, phase: 'mian' }, 'phase.unknown', /mian.*foundation, main/));

  test('a phase begun before its predecessor', () =>
    expectRefused('runPhase', { ...right, phase: 'main' }, 'phase.order', /main comes after foundation/));

  test('a rollback of a phase that was never begun', () =>
    expectRefused('rollBackPhase', { ...right, phase: 'main' }, 'rollback.nothing', /main.*never begun/));

  const plans: [what: string, plan: string, code: string, says: RegExp][] = [
    ['a plan that is no YAML', 'version: 1\nplan: [', 'plan.bad-yaml', /wrong\.yaml:\d+:\d+/],
    [
      'an unknown word in a plan',
      whole.replace('tables:', 'tabels:'),
      'plan.unknown-word',
      /^wrong\.yaml:7:5 phases\[main\]\.tabels: .*did you mean tables/,
    ],
    [
      'a table that is not there',
      main('poeple, orders'),
      'plan.unknown-table',
      /^wrong\.yaml:7:14 phases\[main\]\.tables\[0\]: there is no table poeple \(did you mean people\?\)/,
    ],
    [
      'a column that is not there',
      planOf('  - phase: main\n    tables: [people]', 'references: [{ from: orders.noted, to: people }]\n'),
      'plan.unknown-column',
      /^wrong\.yaml:4:16 references\[0\]\.from: the table orders has no column "noted"/,
    ],
    [
      'a table in two phases',
      planOf('  - { phase: main, tables: [people] }\n  - { phase: later, tables: [orders, people] }'),
      'plan.table-twice',
      /^wrong\.yaml:7:38 phases\[later\]\.tables\[1\]: the table people is in the phases main and later/,
    ],
    [
      'a table whose key is a reference, in another phase than its parent',
      planOf('  - { phase: main, tables: [people] }\n  - { phase: later, tables: [profiles] }'),
      'plan.key-is-reference',
      /^wrong\.yaml:7:30 phases\[later\]\.tables\[0\]: the key of profiles refers to people, which moves in the phase main/,
    ],
    [
      'a key that is no integer',
      main('countries'),
      'plan.key-not-integer',
      /^wrong\.yaml:7:14 .*: the key countries\.code has the type text/,
    ],
    [
      'a composite key without a surrogate',
      main('people, orders, lines'),
      'plan.composite-key',
      /^wrong\.yaml:7:30 .*: the key of lines is composite \(order_id, position\)/,
    ],
    [
      'an adopted reference that is not unique and may be null',
      main('people, { table: badges, key: { adopt: person_id } }'),
      'plan.adopted-not-unique',
      /^wrong\.yaml:7:46 phases\[main\]\.tables\[1\]\.key\.adopt: badges\.person_id has no unique[\s\S]*badges\.person_id may be null/,
    ],
    [
      'a name of the plan that is taken',
      main('people, orders, { table: lines, key: { surrogate: note } }'),
      'plan.name-taken',
      /^wrong\.yaml:7:\d+ .*key\.surrogate: lines has a column "note" already/,
    ],
    [
      'a name of the plan that is too long',
      main(`people, orders, { table: lines, key: { surrogate: ${'n'.repeat(64)} } }`),
      'plan.name-too-long',
      /^wrong\.yaml:7:\d+ .*key\.surrogate: .*64 bytes/,
    ],
  ];

  test.each(plans)('%s', async (_, text, code, says) => {
    desk.plan('wrong', text);
    await expectRefused('runMigration', { ...right, plan: 'wrong' }, code, says);
  });

  test('the same plan for one phase alone: only what that phase asks for is looked at', async () => {
    desk.plan('wrong', main('countries'));
    await expectRefused('runPhase', { ...right, plan: 'wrong', phase: 'main' }, 'phase.order');
    const [schema] = await untouched.query(`select to_regnamespace('rekey') as rekey`);
    expect(schema).toEqual({ rekey: null });
  });
});

describe('parks with what is to be done, and goes on once it is done', () => {
  test('a role that lacks privileges: at preflight, before anything is made, each with its GRANT', async () => {
    const database = await freshDatabase();
    try {
      await ensureRole(18, 'bad_input_poor');
      await database.query('revoke pg_read_all_stats from bad_input_poor', [], database.superuserUrl);
      desk.connection('poor', database.url('bad_input_poor'));
      const id = await desk.start('runPhase', { plan: 'shop', connection: 'poor', phase: 'foundation' });
      const status = await desk.parked(id);
      expect(status.failure).toMatchObject({ step: 'preflight', code: 'hazards' });
      const grants = [
        `grant create on database "${database.name}" to "bad_input_poor"`,
        'grant pg_read_all_stats to "bad_input_poor"',
      ];
      for (const grant of grants) expect(status.failure?.message).toContain(grant);
      expect(await database.query(`select to_regnamespace('rekey') as rekey`)).toEqual([{ rekey: null }]);
      await database.query(grants.join(';'), [], database.superuserUrl);
      await desk.paste(status, '"action":"retry"');
      await desk.approve(id, 'after');
      expect(await desk.handle(id).result()).toMatchObject({ outcome: 'done' });
    } finally {
      await database.drop();
    }
  });

  test('a server that does not answer, once the patience is over: a phase', async () => {
    desk.connection('live', 'postgres://moving@127.0.0.1:1/shop');
    const id = await desk.start('runPhase', { plan: 'shop', connection: 'live', phase: 'foundation' });
    const status = await desk.parked(id);
    expect(status.failure).toMatchObject({ step: 'openPhase', code: 'connection.no-answer' });
    expect(status.failure?.message).toBe('connection live: the server does not answer');
    desk.connection('live', live.ownerUrl);
    await desk.paste(status, '"action":"retry"');
    await desk.gate(id, 'after');
    foundation = id;
  });

  test('a server that does not answer, once the patience is over: a migration', async () => {
    desk.connection('gone', 'postgres://moving@127.0.0.1:1/shop');
    const id = await desk.start('runMigration', { plan: 'shop', connection: 'gone' });
    const status = await desk.parked(id);
    expect(status.failure).toMatchObject({ step: 'readMigration', code: 'connection.no-answer' });
    // what it was started with may turn out to be wrong only then
    desk.connection('gone', untouched.ownerUrl.replace(/\/test_\w+/, '/not_there'));
    await desk.paste(status, '"action":"retry"');
    await expect(desk.handle(id).result()).rejects.toMatchObject({
      cause: { type: 'BadInput', details: [{ code: 'connection.no-database' }] },
    });
  });
});

let foundation: string;
const onLive = (phase: string, plan = 'shop') => ({ plan, connection: 'live', phase });

describe('while a phase waits for approval', () => {
  test('a second run on the same database ends FAILED, and says how to end the first', async () => {
    await expectRefused('runPhase', onLive('foundation'), 'owner.other-run', new RegExp(foundation));
  });

  test('the next phase is refused: its predecessor is not done', () =>
    expectRefused('runPhase', onLive('main'), 'phase.order'));

  test('the phase that waits may not change in the plan: the place that did is named', async () => {
    desk.plan('shop', whole.replace('kind: foundation', 'kind: foundation, risk: low'));
    await expectRefused(
      'runMigration',
      { plan: 'shop', connection: 'live' },
      'phase.changed',
      /^shop\.yaml:5:44 phases\[foundation\]\.risk: phase foundation is open and was changed/,
    );
    desk.plan('shop', whole);
  });

  test('decisions that are unknown, foreign, closed or nameless are recorded, and open nothing', async () => {
    const { checkpoint, planHash } = await desk.gate(foundation, 'after');
    const good = { checkpoint: 'after', opening: checkpoint?.opening, plan: planHash, by: 'ann' };
    const sent: [signal: string, input: object, verdict: RegExp][] = [
      ['approve', { ...good, checkpoint: 'afterwards' }, /^foreign/],
      ['approve', { ...good, plan: 'ba9876543210' }, /^foreign/],
      ['approve', { ...good, opening: (good.opening ?? 0) + 5 }, /^foreign/],
      ['approve', { ...good, opening: (good.opening ?? 0) - 1 }, /^late/],
      ['approve', { ...good, by: ' ' }, /^ignored approve: by: must name who decides/],
      ['approve', { ...good, by: undefined }, /^ignored approve: by: /],
      ['approve', { ...good, aproved: true }, /^ignored approve: .*aproved/],
      ['aprove', good, /^ignored aprove: there is no signal of this name/],
      ['resolve', { step: 'map', opening: 1, plan: planHash, action: 'skip', by: 'ann' }, /./],
    ];
    for (const [name, input] of sent) await desk.signal(foundation, name, input);
    const decisions = await recorded('foundation', sent.length);
    sent.forEach(([, , verdict], i) => {
      expect(decisions[i]).toMatch(verdict);
    });
    expect(await desk.status(foundation)).toMatchObject({
      state: 'waiting-for-approval',
      checkpoint: { opening: good.opening, approvals: [] },
    });
    await desk.approve(foundation, 'after');
    expect(await desk.handle(foundation).result()).toMatchObject({ outcome: 'done' });
  });
});

test('a second migration of a database ends FAILED and names the first, which goes on', async () => {
  const database = await freshDatabase();
  await database.query(shop);
  desk.connection('twice', database.ownerUrl);
  const input = { plan: 'shop', connection: 'twice' };
  const first = await desk.start('runMigration', input);
  await desk.gate(first, 'after');
  await expectRefused(
    'runMigration',
    input,
    'owner.other-run',
    new RegExp(`the migration ${first} is under way`),
  );
  await desk.approve(`${first}/foundation`, 'after');
  await desk.gate(first, 'before-swap');
  await desk.handle(first).cancel();
  expect(await desk.handle(first).result()).toMatchObject({ outcome: 'rolled-back' });
  await database.drop();
}, 120_000);

/** Verdicts in the order in which they were written, once there are so many. */
async function recorded(phase: string, count: number): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const rows = await live.query<{ verdict: string }>(
      `select verdict from rekey.decision where phase = $1 and decision not like 'resolve: retry' order by id`,
      [phase],
    );
    if (rows.length >= count || tries > 100) return rows.map((row) => row.verdict);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('what preflight finds', () => {
  let parked: Awaited<ReturnType<Desk['parked']>>;
  let id: string;
  let columns: unknown;

  /** What stands in the way, how it is set up, how it is taken away, and what is said of it. */
  const obstacles: [what: string, make: string, unmake: string, says: RegExp][] = [
    [
      'FORCE ROW LEVEL SECURITY',
      'alter table orders force row level security',
      'alter table orders no force row level security',
      /forced-row-security on orders: .*; alter table .* no force row level security/,
    ],
    [
      'a publication over a member',
      'create publication lake for table orders',
      'drop publication lake',
      /publication on publication lake: .*; name each subscriber .*, or end the subscriptions and drop the publication/,
    ],
    [
      'an object of a kind that is not carried over yet',
      'create view named as select id, name from people',
      'drop view named',
      /not-carried-over-yet on view named/,
    ],
    [
      'a trigger that the backfill would fire',
      `create function touch() returns trigger language plpgsql as 'begin return new; end';
       create trigger touched before update on people for each row execute function touch()`,
      'drop function touch() cascade',
      /trigger-fires on trigger touched on people: .*; accept it with a because/,
    ],
    [
      'orphans under a declared foreign key',
      'set session_replication_role = replica; delete from people where id = 7',
      `insert into people (id, name) values (7, 'back')`,
      /orphans on orders\.person_id: 1 rows of orders .*rekey findings/,
    ],
    [
      'a sequence at its end',
      `select setval('people_id_seq', 2147483647)`,
      `select setval('people_id_seq', 100)`,
      /sequence-at-end on people\.id/,
    ],
    [
      'a name that is taken',
      'alter table people add uuid_id text',
      'alter table people drop uuid_id',
      /name-taken on people\.uuid_id/,
    ],
  ];

  beforeAll(async () => {
    for (const [, make] of obstacles) await live.query(make, [], live.superuserUrl);
    desk.environment('REKEY_BACKUPS', '/proc/none');
    hook('how-much-is-free', 'echo 1000');
    desk.plan('shop', full);
    columns = await columnsOf();
    id = await desk.start('runPhase', onLive('main'));
    parked = await desk.parked(id);
  });

  /** The worker's hooks: this one alone. */
  function hook(name: string, command: string): void {
    writeFileSync(join(desk.folder, 'hooks'), `${name}: { command: [sh, -c, "${command}"] }`);
    desk.environment('REKEY_HOOKS', join(desk.folder, 'hooks'));
  }

  const full = whole.replace(
    'phase: main',
    'phase: main\n    backup: tables\n    hooks: { free-disk: how-much-is-free }',
  );
  const columnsOf = () =>
    live.query(
      `select attrelid::regclass::text, attname from pg_attribute a join pg_class c on c.oid = attrelid
       where relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped order by 1, 2`,
    );

  test('parks preflight with all of it at once, before the first change', async () => {
    expect(parked.failure).toMatchObject({ step: 'preflight', code: 'hazards' });
    expect(await columnsOf()).toEqual(columns);
  });

  test.each(obstacles)('names %s', (_, _make, _unmake, says) => {
    expect(parked.failure?.message).toMatch(says);
  });

  test('names too little disk for the backup, as measured', () => {
    expect(parked.failure?.message).toMatch(
      /backup-too-little-room on REKEY_BACKUPS: the backup needs about \d+ MB, and 0 MB are free; make room/,
    );
  });

  test('names too little disk on the server, as the hook free-disk says', () => {
    expect(parked.failure?.message).toMatch(/disk-too-small on disk: .*; make room/);
  });

  test('names a hook that the worker does not have', async () => {
    hook('something-else', 'true');
    await desk.paste(parked, '"action":"retry"');
    const again = ({ state, failure }: typeof parked) =>
      state === 'parked' && /hook-missing/.test(failure?.message ?? '');
    parked = await desk.until(id, again);
    expect(parked.failure?.message).toMatch(/hook-missing on hook how-much-is-free: .*REKEY_HOOKS/);
    hook('how-much-is-free', 'echo 1000000000000');
  });

  test('goes on once all of it is gone, by the command that status prints', async () => {
    for (const [, , unmake] of obstacles) await live.query(unmake, [], live.superuserUrl);
    desk.environment('REKEY_BACKUPS', desk.folder);
    await desk.paste(parked, '"action":"retry"');
    const before = await desk.gate(id, 'before-swap');
    await desk.approve(id, 'before-swap');
    await desk.gate(id, 'after-swap');
    // the approval of a checkpoint that is closed by now
    await desk.paste(before, '--name approve');
    const [first, late] = (await recorded('main', 2)).slice(-2);
    expect(first).toBe('counted');
    expect(late).toMatch(/^(late|foreign)/);
    expect(await desk.status(id)).toMatchObject({
      state: 'waiting-for-approval',
      checkpoint: { approvals: [] },
    });
    await desk.approve(id, 'after-swap');
    expect(await desk.handle(id).result()).toMatchObject({ outcome: 'done' });
  });

  test('once the phase is done, an earlier one can not be rolled back: the newest comes first', () =>
    expectRefused(
      'rollBackPhase',
      onLive('foundation'),
      'rollback.order',
      /the later phase main is not rolled back/,
    ));

  test('a finished phase that was changed in the plan is named with its place', async () => {
    desk.plan('shop', full.replace('[people, orders]', '[people]'));
    await expectRefused(
      'rollBackPhase',
      onLive('main'),
      'phase.changed',
      /^shop\.yaml:9:5 phases\[main\]\.tables\[1\]: phase main is done and was changed/,
    );
    desk.plan('shop', full.replace('phase: main', 'phase: other'));
    await expectRefused(
      'runMigration',
      { plan: 'shop', connection: 'live' },
      'phase.missing',
      /phase main is done/,
    );
    desk.plan('other', full.replace('plan: shop', 'plan: other'));
    await expectRefused('runPhase', onLive('main', 'other'), 'phase.other-plan', /belongs to the plan shop/);
  });
});
