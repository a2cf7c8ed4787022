import type { WorkflowHandle } from '@temporalio/client';
import type { MigrationStatus, Status } from '../../src/decisions/status.js';
import { temporalForTests } from '../servers.js';
import { checkpoint, FakeWorld, failure } from './fake-world.js';
import { approve, gate, Harness, statusOf, until, untilState } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start(await temporalForTests({ ownNamespace: true }));
});
afterAll(() => harness.stop());

function world(ranges: FakeWorld['ranges'] = [{ table: 'users', range: 1, slices: 1 }]): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('after-swap')] };
  made.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
  made.ranges = ranges;
  return made;
}

async function memoOf(handle: WorkflowHandle): Promise<MigrationStatus> {
  return (await handle.describe()).memo?.status as MigrationStatus;
}

/** The one command that starts a workflow again, as it is pasted into a shell. */
function restartOf(status: Status): string {
  expect(status.next).toHaveLength(1);
  expect(status.next[0]).toContain('--fail-existing');
  return status.next[0] ?? '';
}

/** How often this signal was sent (by a phase) or came (to a migration). */
async function count(handle: WorkflowHandle, kind: 'sent' | 'came', name = 'phaseChanged'): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) =>
    kind === 'sent'
      ? event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName === name
      : event.workflowExecutionSignaledEventAttributes?.signalName === name,
  ).length;
}

test('after map, status says what is so now: it is never older than the step that it shows', () =>
  harness.with(world(), async (on) => {
    on.world.hold('buildTwins');
    const handle = await on.phase();
    const building = await untilState(handle, 'running', ({ step }) => step === 'buildTwins');
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    // nothing has happened since: asking alone makes nothing newer
    expect((await statusOf(handle)).asOf).toBe(building.asOf);
    const released = Date.now();
    on.world.release('buildTwins');
    await gate(handle, 'after-swap');
    const waiting = await statusOf(handle);
    expect(Date.parse(waiting.asOf)).toBeGreaterThanOrEqual(released - 100);
    expect(waiting.progress[0]).toMatchObject({ rowsDone: 100 });
    await handle.signal('pause', { by: 'ann' });
    const noted = await until(
      () => statusOf(handle),
      ({ notes }) => notes.length > 0,
    );
    expect(noted.asOf > waiting.asOf).toBe(true);
  }));

test.each([
  ['runMigration', { plan: 'testapp', connection: 'main' }],
  ['runPhase', { plan: 'testapp', connection: 'main', phase: 'users' }],
] as const)('a %s that ends FAILED says so in status and memo, and how to start it again', (type, input) =>
  harness.with(world(), async (on) => {
    await harness.cli('operator', 'search-attribute', 'create', '--name', 'RekeyState', '--type', 'Keyword');
    on.world.attributes = ['RekeyState'];
    on.world.fails('openPhase', failure('BadInput', 'phase.order', 'users comes after foundation'));
    const handle = await on.start(type, input);
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'BadInput', details: [{ code: 'phase.order' }] },
    });
    const said = {
      state: 'parked',
      failure: {
        step: 'openPhase',
        code: 'phase.order',
        message: 'users comes after foundation',
        remedy: 'Do something about it.',
      },
    };
    const memo = await memoOf(handle);
    expect(memo).toMatchObject(said);
    expect(await statusOf(handle)).toMatchObject(said);
    if (type === 'runMigration') expect(memo.phases).toEqual([{ phase: 'users', state: 'parked' }]);
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes.RekeyState).toEqual(['parked']);
    // what it says to type does what it says
    await harness.paste(restartOf(memo));
    const phase = type === 'runPhase' ? handle : on.client.workflow.getHandle(`${handle.workflowId}/users`);
    await until(
      () => on.world.count('openPhase users'),
      (times) => times === 2,
    );
    await gate(on.client.workflow.getHandle(phase.workflowId), 'after-swap');
  }),
);

test('a migration that can not read the journal ends FAILED and names that, not the phase before', () =>
  harness.with(world(), async (on) => {
    on.world.phases.push({ phase: 'orders', kind: 'tables', state: 'new' });
    const parent = await on.migration();
    const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
    await started(users);
    on.world.fails('readMigration', failure('BadInput', 'plan.changed', 'the plan was changed'));
    await approve(users, 'after-swap');
    await expect(parent.result()).rejects.toMatchObject({ cause: { type: 'BadInput' } });
    expect(await memoOf(parent)).toMatchObject({
      state: 'parked',
      step: 'readMigration',
      failure: { step: 'readMigration', code: 'plan.changed' },
      checkpoint: null,
    });
  }));

test('a rollback that was cancelled before it undid anything says that, and nothing is shown as running', () =>
  harness.with(world(), async (on) => {
    on.world.hold('openRollBack');
    const handle = await on.start('rollBackPhase', { plan: 'testapp', connection: 'main', phase: 'users' });
    await until(
      () => on.world.count('openRollBack'),
      (times) => times === 1,
    );
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    const memo = await memoOf(handle);
    expect(memo).toMatchObject({
      state: 'parked',
      failure: { message: 'nothing was undone: the workflow was cancelled' },
    });
    expect(restartOf(memo)).toContain('--type rollBackPhase');
  }));

test('while a phase maps, its migration shows the rows, of at most ten tables', () =>
  harness.with(
    world([
      { table: 'users', range: 20, slices: 4, rows: 100 },
      ...Array.from({ length: 11 }, (_, at) => ({ table: `small_${at}`, range: at, slices: 1, rows: 100 })),
    ]),
    async (on) => {
      on.world.brief.parallel = 1;
      on.world.hold('mapRange users/20 10000');
      const parent = await on.migration();
      const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
      const status = await untilState(parent, 'running', ({ progress }) => progress.length > 0);
      expect(status.step).toBe('map');
      expect(status.progress).toHaveLength(10);
      const row = { table: 'users', rowsDone: 25, rowsTotal: 100, rowsPerSecond: 50, secondsLeft: 2 };
      expect(status.progress[0]).toEqual(row);
      // the list of workflows and `rekey status` go by the memo
      expect((await memoOf(parent)).progress[0]).toEqual(row);
      expect(status.asOf).toBe((await statusOf(users)).asOf);
      on.world.release('mapRange users/20 10000');
      await gate(users, 'after-swap');
    },
  ));

test('rows that change often are told to the migration rarely: a message costs events in two histories', () =>
  harness.with(world([{ table: 'users', range: 1, slices: 12 }]), async (on) => {
    const parent = await on.migration();
    const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
    await started(users);
    await gate(users, 'after-swap');
    const withRows = await count(users, 'sent');
    await untilState(parent, 'waiting-for-approval');
    expect(await count(parent, 'came')).toBe(withRows);
    // one for each step, and one for the rows of twelve slices
    expect(on.world.log.filter((entry) => entry.startsWith('mapRange'))).toHaveLength(12);
    const silent = world([{ table: 'users', range: 1, slices: 12 }]);
    silent.brief.tellEvery = undefined;
    await harness.with(silent, async (other) => {
      const migration = await other.migration();
      const phase = other.client.workflow.getHandle(`${migration.workflowId}/users`);
      await started(phase);
      await gate(phase, 'after-swap');
      expect(await count(phase, 'sent')).toBe(withRows - 1);
    });
  }));

async function started(handle: WorkflowHandle): Promise<void> {
  await until(
    () =>
      handle.describe().then(
        () => true,
        () => false,
      ),
    (there) => there,
  );
}
