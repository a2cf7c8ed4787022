import type { WorkflowHandle } from '@temporalio/client';
import { checkpoint, FakeWorld, failure, planHash } from './fake-world.js';
import { approve, gate, Harness, type Playground, parked, statusOf, until, untilState } from './harness.js';
import { resetOf, to } from './reset.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

function world(...phases: string[]): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('after-swap')] };
  made.phases = phases.map((phase) => ({ phase, kind: 'tables' as const, state: 'new' as const }));
  return made;
}

function child(on: Playground, parent: WorkflowHandle, phase: string): WorkflowHandle {
  return on.client.workflow.getHandle(`${parent.workflowId}/${phase}`);
}

async function opened(handle: WorkflowHandle): Promise<WorkflowHandle> {
  await until(
    () =>
      handle.describe().then(
        () => true,
        () => false,
      ),
    (there) => there,
  );
  return handle;
}

async function openChild(on: Playground, parent: WorkflowHandle, phase: string): Promise<WorkflowHandle> {
  return opened(child(on, parent, phase));
}

test('phases run in order, each a child under its own id; what the journal calls finished is skipped', () =>
  harness.with(world('foundation', 'leaf', 'users'), async (on) => {
    on.world.phases[0]!.state = 'done';
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await approve(leaf, 'after-swap');
    const users = await openChild(on, parent, 'users');
    await approve(users, 'after-swap');
    expect(await parent.result()).toMatchObject({
      outcome: 'done',
      tables: 2,
      rows: 200,
      longestLockMs: 7,
      longestStallMs: 60,
      metrics: { 'leaf.rowsBefore': 100, 'users.rowsBefore': 100 },
    });
    expect(on.world.log.filter((entry) => entry.startsWith('openPhase'))).toEqual([
      'openPhase leaf',
      'openPhase users',
    ]);
  }));

test('the parent shows its open phase and passes signals on to it; decide is refused with the right id', () =>
  harness.with(world('users'), async (on) => {
    const parent = await on.migration();
    const users = await openChild(on, parent, 'users');
    const opening = await gate(users, 'after-swap');
    const status = await untilState(parent, 'waiting-for-approval');
    expect(status).toMatchObject({
      workflowId: parent.workflowId,
      phase: 'users',
      planHash,
      checkpoint: { name: 'after-swap', opening },
    });
    expect(status.next[0]).toContain(`--workflow-id ${users.workflowId}`);
    const decision = { checkpoint: 'after-swap', opening, plan: planHash, by: 'ann' };
    await expect(
      parent.executeUpdate('decide', { args: [{ decision: 'approve', ...decision }] }),
    ).rejects.toMatchObject({
      cause: { message: expect.stringContaining(`--workflow-id ${users.workflowId}`) },
    });
    // at the door: whoever repeats it fills no history
    const { events } = await parent.fetchHistory();
    expect(events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toEqual([]);
    await parent.signal('aprove', decision);
    await until(
      () => on.world.decisions.length,
      (count) => count === 1,
    );
    await parent.signal('approve', decision);
    expect(await parent.result()).toMatchObject({ outcome: 'done' });
    expect(on.world.decisions.map(({ decision: what }) => what)).toEqual(['aprove', 'approve']);
  }));

test('a cancel of the migration rolls its open phase back and starts no further one', () =>
  harness.with(world('leaf', 'users'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await gate(leaf, 'after-swap');
    await parent.cancel();
    expect(await parent.result()).toMatchObject({ outcome: 'rolled-back', phase: 'leaf' });
    expect(await leaf.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.log).not.toContain('openPhase users');
  }));

test('a reject ends the migration rolled back', () =>
  harness.with(world('leaf', 'users'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    const opening = await gate(leaf, 'after-swap');
    await parent.signal('reject', { checkpoint: 'after-swap', opening, plan: planHash, by: 'ann' });
    expect(await parent.result()).toMatchObject({ outcome: 'rolled-back', phase: 'leaf' });
  }));

test('terminating the parent leaves the phase alone; started again, the parent waits for it and goes on', () =>
  harness.with(world('leaf', 'users'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    const opening = await gate(leaf, 'after-swap');
    await parent.terminate('test');
    expect((await statusOf(leaf)).state).toBe('waiting-for-approval');
    on.world.phases[0]!.state = 'open';
    on.world.phases[0]!.owner = leaf.workflowId;
    on.world.awaitedPhase = async () => (await leaf.result()).outcome;
    const again = await on.client.workflow.start('runMigration', {
      workflowId: parent.workflowId,
      taskQueue: on.taskQueue,
      args: [{ plan: 'testapp', connection: 'main' }],
    });
    await until(
      () => on.world.count('awaitPhase leaf'),
      (count) => count === 1,
    );
    // what is said to the new parent reaches the phase that the old one started
    await again.signal('approve', { checkpoint: 'after-swap', opening, plan: planHash, by: 'ann' });
    const users = await openChild(on, again, 'users');
    await approve(users, 'after-swap');
    expect(await again.result()).toMatchObject({ outcome: 'done' });
    expect(on.world.count('openPhase leaf')).toBe(1);
  }));

test('a reset of the parent finds its phase running, waits for it and goes on', () =>
  harness.with(world('leaf', 'users'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await gate(leaf, 'after-swap');
    on.world.awaitedPhase = async () => (await leaf.result()).outcome;
    await harness.cli(
      'workflow',
      'reset',
      '--workflow-id',
      parent.workflowId,
      '--type',
      'FirstWorkflowTask',
      '--reason',
      'test',
    );
    await until(
      () => on.world.count('awaitPhase leaf'),
      (count) => count === 1,
    );
    await approve(leaf, 'after-swap');
    const users = await openChild(on, parent, 'users');
    await approve(users, 'after-swap');
    const again = on.client.workflow.getHandle(parent.workflowId);
    expect(await again.result()).toMatchObject({ outcome: 'done' });
    expect(on.world.count('openPhase leaf')).toBe(1);
  }));

test('a reset of a finished migration runs no finished phase again', () =>
  harness.with(world('leaf'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await approve(leaf, 'after-swap');
    await parent.result();
    await harness.cli(
      'workflow',
      'reset',
      '--workflow-id',
      parent.workflowId,
      '--type',
      'FirstWorkflowTask',
      '--reason',
      'test',
    );
    const again = on.client.workflow.getHandle(parent.workflowId);
    expect(await again.result()).toMatchObject({ outcome: 'done' });
    expect(on.world.count('openPhase leaf')).toBe(1);
  }));

test('a phase that is open but not in the journal yet is asked for again, not started twice', () =>
  harness.with(world('leaf'), async (on) => {
    const answers = ['new', 'new', 'done'] as const;
    let asked = 0;
    on.world.awaitedPhase = async () => answers[asked++] ?? 'done';
    const parent = await on.migration();
    await gate(await openChild(on, parent, 'leaf'), 'after-swap');
    await harness.cli(
      'workflow',
      'reset',
      '--workflow-id',
      parent.workflowId,
      '--type',
      'FirstWorkflowTask',
      '--reason',
      'test',
    );
    const again = on.client.workflow.getHandle(parent.workflowId);
    expect(await again.result()).toMatchObject({ outcome: 'done' });
    expect(on.world.count('openPhase leaf')).toBe(1);
  }));

test('a cancel of a parent that only waits for its phase rolls that phase back, too', () =>
  harness.with(world('leaf', 'users'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await gate(leaf, 'after-swap');
    on.world.awaitedPhase = async () => (await leaf.result()).outcome;
    await harness.cli(
      'workflow',
      'reset',
      '--workflow-id',
      parent.workflowId,
      '--type',
      'FirstWorkflowTask',
      '--reason',
      'test',
    );
    await until(
      () => on.world.count('awaitPhase leaf'),
      (count) => count === 1,
    );
    on.world.hold('awaitPhase leaf');
    const again = on.client.workflow.getHandle(parent.workflowId);
    await again.cancel();
    on.world.release('awaitPhase leaf');
    expect(await leaf.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(await again.result()).toMatchObject({ outcome: 'rolled-back', phase: 'leaf' });
  }));

test('a cancel of the parent reaches a phase that was reset, in its newest run', () =>
  harness.with(world('leaf', 'users'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await gate(leaf, 'after-swap');
    const newest = await resetOf(harness, leaf, to.last);
    await gate(newest, 'after-swap');
    await parent.cancel();
    expect(await newest.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(await parent.result()).toMatchObject({ outcome: 'rolled-back', phase: 'leaf' });
  }));

test('a phase that another workflow has open is awaited, not run a second time', () =>
  harness.with(world('leaf'), async (on) => {
    on.world.phases[0]!.state = 'open';
    on.world.phases[0]!.owner = 'somebody-elses-workflow';
    const parent = await on.migration();
    expect(await parent.result()).toMatchObject({ outcome: 'done', tables: 0 });
    expect(on.world.count('openPhase leaf')).toBe(0);
  }));

test('a phase whose owner was closed half-way is run again', () =>
  harness.with(world('leaf'), async (on) => {
    on.world.phases[0]!.state = 'open';
    on.world.awaitedPhase = async () => 'open';
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await approve(leaf, 'after-swap');
    expect(await parent.result()).toMatchObject({ outcome: 'done' });
  }));

test('a phase that fails by wrong input fails the migration in the same words', () =>
  harness.with(world('leaf'), async (on) => {
    on.world.fails('openPhase', failure('BadInput', 'phase.order', 'leaf comes after foundation'));
    const parent = await on.migration();
    await expect(parent.result()).rejects.toMatchObject({
      cause: {
        type: 'BadInput',
        message: 'leaf comes after foundation. Do something about it.',
        details: [{ code: 'phase.order' }],
      },
    });
  }));

test('a database that does not answer parks the migration, and a retry goes on', () =>
  harness.with(world('leaf'), async (on) => {
    on.world.fails('readMigration', failure('StepFailed', 'connection.silent'));
    const parent = await on.migration();
    const { failure: why, next } = await parked(parent, 'readMigration');
    expect(why).toMatchObject({ code: 'connection.silent', remedy: 'Do something about it.' });
    await harness.paste(next[0] ?? '');
    await gate(await openChild(on, parent, 'leaf'), 'after-swap');
  }));

test('a phase that was terminated fails the migration, which says how to go on', () =>
  harness.with(world('leaf'), async (on) => {
    const parent = await on.migration();
    const leaf = await openChild(on, parent, 'leaf');
    await gate(leaf, 'after-swap');
    await leaf.terminate('test');
    await expect(parent.result()).rejects.toMatchObject({
      cause: { type: 'StepFailed', details: [{ code: 'phase.terminated' }] },
    });
  }));
