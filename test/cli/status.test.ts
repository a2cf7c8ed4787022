import { loadPlanText } from '../../src/plan/load.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { advanceCursor, planCursors } from '../../src/postgres/cursors.js';
import { writeDecision } from '../../src/postgres/decisions.js';
import { storeDocument } from '../../src/postgres/documents.js';
import { writeFinding } from '../../src/postgres/findings.js';
import { closeGate, openGate } from '../../src/postgres/gates.js';
import { journalFailure, runStatement, writeJournal } from '../../src/postgres/journal.js';
import { setPause } from '../../src/postgres/pauses.js';
import { openPhaseRow, setCutOver, setPhaseState } from '../../src/postgres/phases.js';
import type { Session } from '../../src/postgres/session.js';
import { freePorts } from '../../src/servers/free-port.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { rekey } from './run.js';

const plan = loadPlanText(
  `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - phase: users
    tables: [users]
    risk: critical
    checkpoints:
      before-swap: { approvals: 2, from: [anna, ben], timeout: 48h, checklist: [window announced] }
  - { phase: cleanup, kind: cleanup }
`,
  'shop.yaml',
);
const hash = 'aaaabbbbcccc';

let database: ConnectedDatabase;
let session: Session;
let env: Record<string, string>;

beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
  // nobody listens there: Temporal is gone
  const [port] = await freePorts(1);
  env = { REKEY_CONNECTION_SHOP: database.ownerUrl, TEMPORAL_ADDRESS: `127.0.0.1:${port}` };
}, 120_000);

afterAll(async () => {
  await session?.close();
  await database?.drop();
});

const status = async () => (await rekey(['status', 'shop'], env)).stdout;

async function begin(phase: string, position: number): Promise<void> {
  const planDocument = await storeDocument(session, 'plan', JSON.stringify(plan));
  const kind = plan.phases[position]?.kind as string;
  const common = { plan: 'shop', planHash: hash, planDocument, wroteVersion: '0.1.0' };
  await openPhaseRow(session, { phase, position, kind, ...common });
}

test('on a database that no plan was begun on, status says so and how to start one', async () => {
  const { code, stdout } = await rekey(['status', 'shop'], env);
  expect(code).toBe(0);
  expect(stdout).toContain('no phase has begun on it');
  expect(stdout).toContain('temporal workflow start --task-queue rekey --type runMigration');
  expect(stdout).toContain('--fail-existing');
  expect((await rekey(['findings', 'shop'], env)).stdout).toBe(
    'No rows and no messages are on record. What stands still, and why, rekey status says.\n',
  );
});

describe('with Temporal gone', () => {
  beforeAll(async () => {
    await createRekeySchema(session);
    await begin('foundation', 0);
    await setPhaseState(session, 'foundation', 'done');
    await begin('users', 1);
    await session.query(
      `insert into rekey.owner (plan, workflow_id, first_run_id, run_id, namespace, cluster_id)
       values ('shop', 'shop-1/users', 'r', 'r', 'default', 'c')`,
    );
  });

  test('status tells how far the map is, the longest lock, and that Temporal does not answer', async () => {
    const scope = { phase: 'users', step: 'map' };
    await planCursors(session, 'users', 'users', [{ nextBlock: 0, endBlock: 10, rowsTotal: 5000 }]);
    const cursor = { phase: 'users', tableName: 'users', rangeNo: 0 };
    await advanceCursor(session, cursor, {
      from: 0,
      to: 4,
      rows: 2000,
      seconds: 2,
      skipped: [],
      done: false,
    });
    await runStatement(session, scope, { object: 'users', text: 'select 1' });
    await writeJournal(
      session,
      { phase: 'users', step: 'addColumns' },
      { kind: 'locks', durationMs: 41, lockWaitMs: 1 },
    );
    const began = Date.now();
    const text = await status();
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(text).toContain('phase users (risk: critical) of plan shop: open');
    expect(text).toMatch(/does not answer at 127\.0\.0\.1:\d+ within 3 s/);
    expect(text).toContain('2,000 of 5,000');
    expect(text).toContain('40%');
    expect(text).toContain('1,000 rows/s');
    expect(text).toContain('3.0 s left');
    expect(text).toContain('longest so far 42 ms (addColumns)');
    expect(text).toContain('way back  open: no key of this phase is swapped');
    expect(text).toContain('--name pause');
    expect(text).toContain('temporal workflow cancel --workflow-id shop-1/users');
  });

  test('status tells of a pause, and how to go on', async () => {
    await setPause(session, 'users', true, 'anna');
    const text = await status();
    expect(text).toContain('of plan shop: paused');
    expect(text).toContain('paused    by anna');
    expect(text).toContain('--name resume');
    await setPause(session, 'users', false, 'anna');
  });

  test('at a checkpoint status shows who approved and prints the command for the next of them', async () => {
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    const { opening } = await openGate(session, {
      phase: 'users',
      gate: 'before-swap',
      planHash: hash,
      parked: false,
      deadline,
      key: 'one',
    });
    const decision = {
      opening,
      phase: 'users',
      checkpoint: 'before-swap',
      decision: 'approve',
      clientIdentity: null,
      principal: null,
      reason: null,
      checklist: [],
      at: new Date(),
    };
    await writeDecision(session, 'a', { ...decision, by: 'anna', verdict: 'counted' });
    await writeDecision(session, 'b', {
      ...decision,
      by: 'the-pope',
      verdict: 'the-pope is not one of anna, ben',
    });
    const text = await status();
    expect(text).toContain('waiting for approval at before-swap');
    expect(text).toContain('approved  1 of 2, by anna');
    expect(text).toContain('by one of anna, ben');
    expect(text).toContain('tick off  window announced');
    expect(text).toContain('ignored   approve by the-pope');
    expect(text).toContain('then it rolls back');
    const command = `temporal workflow signal --workflow-id shop-1/users --name approve --input '{"checkpoint":"before-swap","opening":${opening},"plan":"${hash}","by":"ben","checklist":["window announced"]}'`;
    expect(text.split('\n')).toContain(command);
    await writeDecision(session, 'c', { ...decision, by: 'ben', verdict: 'counted' });
    const approved = await status();
    expect(approved).toContain('approved at before-swap');
    expect(approved).not.toContain('--name approve');
    expect(approved).toContain('--name pause');
    await closeGate(session, opening, 'approved');
  });

  test('a parked step is shown with what failed, what to do, and the commands', async () => {
    const { opening } = await openGate(session, {
      phase: 'users',
      gate: 'swapKeys',
      planHash: hash,
      parked: true,
      deadline: null,
      key: 'two',
    });
    const detail = {
      parked: true,
      code: 'locks.not-had',
      message: 'held by pid 7',
      remedy: 'End these transactions.',
    };
    await writeJournal(session, { phase: 'users', step: 'swapKeys' }, { kind: 'note', detail });
    const text = await status();
    expect(text).toContain('PARKED at swapKeys');
    expect(text).toContain('held by pid 7');
    expect(text).toContain('End these transactions.');
    for (const action of ['retry', 'rollback'])
      expect(text).toContain(
        `{"step":"swapKeys","opening":${opening},"plan":"${hash}","action":"${action}","by":"'"$(id -un)"'"}'`,
      );
    await closeGate(session, opening, 'retry');
  });

  test('status counts what preflight noted by its code, and once however often preflight ran', async () => {
    const scope = { phase: 'users', step: 'preflight' };
    const note = (hazard: string, object: string, more = {}) =>
      writeJournal(session, scope, { kind: 'note', object, detail: { hazard, ...more } });
    for (const table of ['users', 'orders', 'lobs', 'reports', 'users'])
      await note('trigger.fires', table, { message: `fires on ${table}` });
    await note('shape.columns', 'users', { accepted: 'the application names its columns' });
    const text = await status();
    expect(text).toContain('Preflight noted');
    expect(text).toMatch(/ {2}4 {2}trigger\.fires +users, orders, lobs and 1 more\n/);
    expect(text).toMatch(/ {2}1 {2}shape\.columns \(accepted\) {2}users\n/);
    expect(text).not.toContain('fires on');
  });

  test('status names who waits for whom', async () => {
    await database.sql('create table if not exists busy (id int)');
    const client = await database.app();
    const holder = await openSession(database.connection, 'users swapKeys');
    await database.sql('grant all on busy to app_rw');
    await holder.execute('begin; lock table public.busy in access exclusive mode');
    const waiting = client.query('select * from public.busy').catch(() => undefined);
    try {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const text = await status();
      expect(text).toContain('What waits for a lock');
      expect(text).toMatch(/test client \(pid \d+\) has waited .* for rekey users swapKeys \(pid \d+/);
    } finally {
      await holder.execute('rollback');
      await waiting;
      await holder.close();
    }
  });

  test('a finished phase can be rolled back, and status says how', async () => {
    await setCutOver(session, 'users', true);
    await setPhaseState(session, 'users', 'done');
    const { stdout } = await rekey(['status', 'shop', '--json'], env);
    const report = JSON.parse(stdout);
    expect(report.database.current.wayBack).toEqual({
      open: true,
      because: expect.stringContaining('kept in step'),
    });
    expect(report.temporal.answer).toBeNull();
    expect(report.next.map((n: { command: string }) => n.command)).toEqual([
      expect.stringContaining(`--type runMigration`),
      expect.stringContaining(`--type rollBackPhase`),
    ]);
  });

  test('after the first drop of cleanup the way back is closed', async () => {
    await begin('cleanup', 2);
    expect(await status()).toContain('way back  open: nothing has been dropped yet');
    await runStatement(session, { phase: 'cleanup', step: 'dropLegacy' }, { text: 'select 1' });
    expect(await status()).toContain('way back  CLOSED: cleanup has dropped legacy columns');
  });
});

test('findings are shown with examples of the rows, and end with 1', async () => {
  await writeFinding(session, {
    phase: 'users',
    step: 'preflight',
    check: 'orphans',
    object: 'reports.owner_id',
    count: 3,
    example: { owner_id: '77' },
  });
  const { code, stdout } = await rekey(['findings', 'shop', '--phase', 'users'], env);
  expect(code).toBe(1);
  expect(stdout).toContain('users, preflight');
  expect(stdout).toMatch(/orphans, last seen .*\n {4}reports\.owner_id +3 /);
  expect(stdout).toContain('{"owner_id":"77"}');
  expect((await rekey(['findings', 'shop', '--phase', 'cleanup'], env)).code).toBe(0);
});

test('findings say why a step failed, in the words of PostgreSQL and of hooks, until a step ends well', async () => {
  await setPhaseState(session, 'users', 'open');
  const scope = { phase: 'users', step: 'buildTwins' };
  const statement = { object: 'users', text: `select 'Smith'::int4 as nobody` };
  const error = await runStatement(session, scope, statement).catch((thrown: unknown) => thrown);
  await journalFailure(session, scope, error);
  const hook = { passed: false, said: 'ended with exit code 3', output: 'no such service: shop' };
  const hooked = { phase: 'users', step: 'hook before-swap' };
  await writeJournal(session, hooked, { kind: 'hook', object: 'stop-application', detail: hook });
  const findings = (...more: string[]) => rekey(['findings', 'shop', '--phase', 'users', ...more], env);
  const { code, stdout } = await findings();
  expect(code).toBe(1);
  expect(stdout).toContain('1 finding, 2 failures');
  expect(stdout).toMatch(
    /users, buildTwins: failed at .*\n-+\n {2}PostgreSQL \(SQLSTATE 22P02\)\n {4}invalid input syntax.*"Smith"/,
  );
  expect(stdout).toContain(`    ${statement.text}`);
  expect(stdout).toMatch(/hook stop-application\n {4}ended with exit code 3: no such service: shop/);
  expect(JSON.parse((await findings('--json')).stdout).failures).toMatchObject([
    { step: 'buildTwins', hook: null, sqlstate: '22P02', statement: statement.text },
    { step: 'hook before-swap', hook: 'stop-application' },
  ]);
  await writeJournal(session, scope, { kind: 'step' });
  expect((await findings()).stdout).not.toContain('failed at');
});

test('what a check finds again when its step is tried again is shown once', async () => {
  const finding = { phase: 'cleanup', step: 'preflight', check: 'orphans', object: 'reports.owner_id' };
  for (const count of [3, 2]) await writeFinding(session, { ...finding, count, example: { owner_id: '77' } });
  const { stdout } = await rekey(['findings', 'shop', '--phase', 'cleanup'], env);
  expect(stdout).toContain('1 finding\n');
  expect(stdout).toMatch(/reports\.owner_id +2 /);
});
