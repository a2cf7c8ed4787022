import { startTemporal, type TemporalServer } from '../../src/servers/temporal.js';
import { checkpoint, FakeWorld } from './fake-world.js';
import { approve, gate, Harness, until } from './harness.js';

let temporal: TemporalServer;
let harness: Harness;
beforeAll(async () => {
  temporal = await startTemporal({ own: true });
  const { address, namespace, cliPath } = temporal;
  harness = await Harness.start({ address, namespace, cliPath, taskQueue: 'outage', uiUrl: null });
});
afterAll(async () => {
  await harness.stop();
  await temporal.stop();
});

function world(): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')] };
  return made;
}

test('a phase goes on after an outage of the Temporal server in the middle of a step', () =>
  harness.with(world(), async (on) => {
    on.world.hold('buildTwins');
    const handle = await on.phase();
    await until(
      () => on.world.count('buildTwins'),
      (count) => count === 1,
    );
    await temporal.kill();
    await temporal.restart();
    on.world.release('buildTwins');
    await approve(handle, 'before-swap');
    await approve(handle, 'after-swap');
    expect((await handle.result()).outcome).toBe('done');
    expect(on.world.count('park buildTwins')).toBe(0);
  }));

test('a worker that is told to stop in the middle of a step leaves it to the next one', () => {
  const made = world();
  return harness.with(made, async (on) => {
    const taskQueue = harness.queue();
    const first = await harness.worker(made, taskQueue);
    const handle = await on.client.workflow.start('runPhase', {
      workflowId: taskQueue,
      taskQueue,
      args: [{ plan: 'testapp', connection: 'main', phase: 'users' }],
    });
    made.hold('buildTwins');
    await until(
      () => made.count('buildTwins'),
      (count) => count === 1,
    );
    await first.stop();
    made.release('buildTwins');
    const second = await harness.worker(made, taskQueue);
    await gate(handle, 'before-swap');
    expect(made.count('buildTwins')).toBe(2);
    expect(made.log.some((entry) => entry.startsWith('park'))).toBe(false);
    await handle.cancel();
    expect((await handle.result()).outcome).toBe('rolled-back');
    await second.stop();
  });
});

test('a checkpoint outlives its worker: the next one asks nobody again, and knows who has approved', () => {
  const made = world();
  made.brief.checkpoints = [checkpoint('before-swap', { approvals: 2 }), checkpoint('after-swap')];
  return harness.with(made, async (on) => {
    const taskQueue = harness.queue();
    const first = await harness.worker(made, taskQueue);
    const handle = await on.client.workflow.start('runPhase', {
      workflowId: taskQueue,
      taskQueue,
      args: [{ plan: 'testapp', connection: 'main', phase: 'users' }],
    });
    await approve(handle, 'before-swap', 'ann');
    await until(
      () => made.decisions.length,
      (count) => count === 1,
    );
    await first.stop();
    const second = await harness.worker(made, taskQueue);
    expect(await gate(handle, 'before-swap')).toBe(1);
    await approve(handle, 'before-swap', 'bob');
    await gate(handle, 'after-swap');
    expect(made.count('gate before-swap')).toBe(1);
    await handle.cancel();
    expect((await handle.result()).outcome).toBe('rolled-back');
    await second.stop();
  });
});
