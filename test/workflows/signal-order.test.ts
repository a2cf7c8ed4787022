import type { WorkflowHandle } from '@temporalio/client';
import { checkpoint, FakeWorld, planHash } from './fake-world.js';
import { gate, Harness, statusOf, until } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

function world(): FakeWorld {
  const made = new FakeWorld();
  made.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
  return made;
}

/** How many signals to other workflows were on their way at most, at one time. */
async function mostUnderWay(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory();
  let now = 0;
  let most = 0;
  for (const event of events ?? []) {
    if (event.signalExternalWorkflowExecutionInitiatedEventAttributes) now += 1;
    if (event.externalWorkflowExecutionSignaledEventAttributes) now -= 1;
    if (event.signalExternalWorkflowExecutionFailedEventAttributes) now -= 1;
    most = Math.max(most, now);
  }
  return most;
}

test('what is sent to a migration reaches its phase in the same order, also where the phase was not open yet', () =>
  harness.with(world(), async (on) => {
    on.world.hold('readMigration');
    const parent = await on.migration();
    const said = Array.from({ length: 12 }, (_, at) => (at % 2 ? 'resume' : 'pause'));
    for (const [at, name] of said.entries()) await parent.signal(name, { by: `operator ${at}` });
    on.world.release('readMigration');
    await until(
      () => on.world.decisions.length,
      (count) => count === said.length,
    );
    const recorded = on.world.decisions.map(({ decision, by }) => `${decision} by ${by}`);
    expect(recorded).toEqual(said.map((name, at) => `${name} by operator ${at}`));
    expect(await parent.result()).toMatchObject({ outcome: 'done' });
    expect(await mostUnderWay(parent)).toBe(1);
  }));

test('what a phase tells its migration never overtakes what it told before', () =>
  harness.with(world(), async (on) => {
    const people = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal'];
    on.world.brief = { checkpoints: [checkpoint('after-swap', { approvals: people.length + 1 })] };
    const parent = await on.migration();
    const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
    const opening = await gate(parent, 'after-swap');
    // each is told, and several of them in one and the same task
    const said = { checkpoint: 'after-swap', opening, plan: planHash };
    await Promise.all(people.map((by) => users.signal('approve', { ...said, by })));
    const shown = await until(
      () => statusOf(parent),
      ({ checkpoint: at }) => at?.approvals.length === people.length,
    );
    expect(shown.state).toBe('waiting-for-approval');
    await users.signal('approve', { ...said, by: 'zoe' });
    expect(await parent.result()).toMatchObject({ outcome: 'done' });
    expect(await mostUnderWay(users)).toBe(1);
  }));
