import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { statusText } from '../../src/cli/status-text.js';
import { readTemporalStatus } from '../../src/report/temporal-status.js';
import { pageNamed, unseen } from '../e2e/incident-pages.js';
import { temporalForTests } from '../servers.js';
import { checkpoint, FakeWorld, failure, planHash } from './fake-world.js';
import { gate, Harness, type Playground, parked, statusOf, until, untilState } from './harness.js';

/** Incidents that are Temporal's alone: the pages of docs/incidents.md against the real server, without a database. */
let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start(await temporalForTests({ ownNamespace: true }));
});
afterAll(() => harness.stop());

function world(): FakeWorld {
  const made = new FakeWorld();
  made.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
  return made;
}

/** A command as it stands on the page, for this workflow: its id, its opening, its task queue. */
async function follow(on: Playground, handle: WorkflowHandle, command: string): Promise<string> {
  const { next, failure: failed } = await statusOf(handle);
  const opening = /"opening":\d+/.exec(next.join(' '))?.[0] ?? '"opening":0';
  return harness.paste(
    command
      .replace(
        /--workflow-id \S+/,
        `--namespace ${harness.server.namespace} --workflow-id ${handle.workflowId}`,
      )
      .replace('--task-queue rekey', `--task-queue ${on.taskQueue}`)
      .replace(/"opening":\d+/, opening)
      .replace(/"plan":"[0-9a-f]{12}"/, `"plan":"${planHash}"`)
      .replace(/"step":"\w+"/, `"step":"${failed?.step}"`),
  );
}

const shownBy = async (handle: WorkflowHandle) => (await statusOf(handle)).notes.join('\n');

test('a deadline has passed: it is rolled back, and the page starts it again', () =>
  harness.with(world(), async (on) => {
    on.world.brief = { checkpoints: [checkpoint('before-swap', { timeout: 500 })] };
    const page = pageNamed('A deadline has passed');
    const parent = await on.migration();
    expect(await parent.result()).toMatchObject({ outcome: 'rolled-back' });
    const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
    expect(unseen(page, await shownBy(users))).toEqual([]);
    on.world.brief = { checkpoints: [checkpoint('before-swap')] };
    for (const one of on.world.phases) one.state = 'rolled-back';
    await follow(on, parent, page.types[0] as string);
    await gate(users, 'before-swap');
  }));

test('it waits for its window: a cancel undoes the phase', () =>
  harness.with(world(), async (on) => {
    const far = new Date(Date.now() + 3 * 86_400_000).getUTCDay();
    const day = (['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const)[far];
    on.world.brief = { window: { days: [day as never], from: '00:00', to: '01:00', zone: 'UTC' } as never };
    const page = pageNamed('It waits for its window');
    const handle = await on.phase();
    const status = await untilState(handle, 'waiting-for-window');
    expect(unseen(page, status.state.replaceAll('-', ' '))).toEqual([]);
    expect(status.window?.opensAt).toMatch(/T/);
    await follow(on, handle, page.types[0] as string);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  }));

test('an error that Rekey does not know: look, retry', () =>
  harness.with(world(), async (on) => {
    const page = pageNamed('An error that Rekey does not know');
    on.world.fails('backup', failure('StepFailed', 'internal'));
    on.world.brief = { checkpoints: [checkpoint('before-swap')] };
    const handle = await on.phase();
    expect((await parked(handle, 'backup')).failure?.code).toBe('internal');
    await follow(on, handle, page.types.at(-1) as string);
    await gate(handle, 'before-swap');
    expect(on.world.count('backup')).toBe(2);
  }));

test("the migration can't read the journal: retry, said to the migration itself", () =>
  harness.with(world(), async (on) => {
    const page = pageNamed("The migration can't read the journal");
    on.world.fails('readMigration', failure('StepFailed', 'connection.no-answer'));
    on.world.brief = { checkpoints: [checkpoint('before-swap')] };
    const parent = await on.migration();
    const status = await untilState(parent, 'parked');
    expect(unseen(page, JSON.stringify(status))).toEqual([]);
    await follow(on, parent, page.types[0] as string);
    await until(
      () => on.world.count('openPhase users'),
      (times) => times === 1,
    );
  }));

test('workers of another version: rekey status tells, and the right version goes on', async () => {
  const page = pageNamed('Workers of another version');
  const taskQueue = harness.queue();
  const made = world();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')] };
  const folder = mkdtempSync(join(__dirname, '../../node_modules/.cache/rekey-other-'));
  const right = await harness.worker(made, taskQueue);
  const handle = await harness.client.workflow.start('runPhase', {
    workflowId: taskQueue,
    taskQueue,
    args: [{ plan: 'testapp', connection: 'main', phase: 'users' }],
  });
  try {
    const opening = await gate(handle, 'before-swap');
    await right.stop();
    // another program under the same name, as an older Rekey may be
    const file = join(folder, 'other.js');
    writeFileSync(file, 'exports.runPhase = async () => { await new Promise(() => {}); };');
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: file,
      logger: new DefaultLogger('ERROR'),
    });
    const wrong = await Worker.create({
      connection: harness.native,
      namespace: harness.server.namespace,
      taskQueue,
      workflowBundle,
    });
    const running = wrong.run();
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' });
    const at = { workflowId: handle.workflowId, namespace: harness.server.namespace, clusterId: null };
    process.env.TEMPORAL_ADDRESS = harness.server.address;
    await until(
      async () => {
        const temporal = await readTemporalStatus(at);
        const database = {
          database: 'shop',
          asOf: new Date(),
          plan: null,
          owner: null,
          phases: [],
          current: null,
          waits: [],
        };
        return unseen(page, statusText({ connection: 'testapp', database, temporal, next: [] }));
      },
      (missing) => missing.length === 0,
      30_000,
    );
    wrong.shutdown();
    await running;
    const again = await harness.worker(made, taskQueue);
    try {
      // a task that has failed answers no query until it is tried again
      await until(
        () => statusOf(handle).catch(() => null),
        (status) => status?.checkpoint?.name === 'after-swap',
        40_000,
      );
    } finally {
      await handle.terminate('the test is over');
      await again.stop();
    }
  } finally {
    delete process.env.TEMPORAL_ADDRESS;
    rmSync(folder, { recursive: true, force: true });
  }
});
