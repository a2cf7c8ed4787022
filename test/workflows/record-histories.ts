import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startTemporal } from '../../src/servers/temporal.js';
import { checkpoint, FakeWorld, failedValidation, failure, planHash } from './fake-world.js';
import {
  approve,
  gate,
  Harness,
  type Playground,
  parked,
  reject,
  resolve,
  until,
  untilState,
} from './harness.js';

/**
 * Records the histories that test/workflows/replay.test.ts replays:
 * `node -r ./test/setup/register.js test/workflows/record-histories.ts [names]`. A history stays as it is once a release has
 * written such a one: a change of the workflows goes behind `patched`, and new histories are recorded under new names.
 */
const folder = join(__dirname, '../histories');

function world(brief: FakeWorld['brief'] = {}): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')], ...brief };
  return made;
}

type Scenario = { world: FakeWorld; play: (on: Playground) => Promise<string[]> };

const scenarios: Record<string, Scenario> = {
  done: {
    world: world({ hooks: { 'before-swap': 'stop', 'after-swap': 'start' } }),
    play: async (on) => {
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      await approve(handle, 'after-swap');
      await handle.result();
      return [handle.workflowId];
    },
  },
  waiting: {
    world: world({
      revalidate: 800,
      checkpoints: [checkpoint('before-swap', { approvals: 2, timeout: 2500, onTimeout: 'escalate' })],
    }),
    play: async (on) => {
      const handle = await on.phase();
      const opening = await approve(handle, 'before-swap', 'ann');
      await handle.signal('aprove', { by: 'bob' });
      await handle.executeUpdate('decide', {
        args: [{ decision: 'approve', checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' }],
      });
      await untilState(handle, 'waiting-for-approval', ({ notes }) =>
        notes.some((note) => note.includes('escalated')),
      );
      return [handle.workflowId];
    },
  },
  parked: {
    world: world(),
    play: async (on) => {
      on.world.fails('buildTwins', failure('StepFailed'), failure('StepFailed'));
      const handle = await on.phase();
      await resolve(handle, on.world, 'buildTwins', 'retry');
      await until(
        () => on.world.count('buildTwins'),
        (count) => count === 2,
      );
      await parked(handle, 'buildTwins');
      return [handle.workflowId];
    },
  },
  paused: {
    world: world(),
    play: async (on) => {
      on.world.ranges = [1, 2, 3].map((range) => ({ table: 'users', range, slices: 4 }));
      on.world.hold('addColumns');
      const handle = await on.phase();
      await until(
        () => on.world.count('addColumns'),
        (count) => count === 1,
      );
      await handle.signal('pause', { by: 'ann' });
      on.world.release('addColumns');
      await untilState(handle, 'paused');
      await handle.signal('resume', { by: 'ann' });
      await gate(handle, 'before-swap');
      await handle.signal('pause', { by: 'ann' });
      return [handle.workflowId];
    },
  },
  'rejected-after-swap': {
    world: world({ rollback: { on: [], askOn: ['probe'] } }),
    play: async (on) => {
      on.world.validations['after-swap'] = [failedValidation('probe')];
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      await resolve(handle, on.world, 'validate', 'skip');
      await reject(handle, 'after-swap');
      await handle.result();
      return [handle.workflowId];
    },
  },
  cancelled: {
    world: world(),
    play: async (on) => {
      on.world.hold('buildTwins');
      const handle = await on.phase();
      await until(
        () => on.world.count('buildTwins'),
        (count) => count === 1,
      );
      await handle.cancel();
      await handle.result();
      return [handle.workflowId];
    },
  },
  cleanup: {
    world: world({ kind: 'cleanup', checkpoints: [checkpoint('before-drop'), checkpoint('after')] }),
    play: async (on) => {
      on.world.hold('buildIndexes');
      const handle = await on.phase('cleanup');
      await approve(handle, 'before-drop');
      await until(
        () => on.world.count('buildIndexes'),
        (count) => count === 1,
      );
      await handle.cancel();
      on.world.release('buildIndexes');
      await approve(handle, 'after');
      await handle.result();
      return [handle.workflowId];
    },
  },
  foundation: {
    world: world({ kind: 'foundation', checkpoints: [checkpoint('after')] }),
    play: async (on) => {
      const handle = await on.phase('foundation');
      await reject(handle, 'after');
      await handle.result();
      return [handle.workflowId];
    },
  },
  'rolled-back': {
    world: world({ state: 'done' }),
    play: async (on) => {
      on.world.cutOver = true;
      const handle = await on.start('rollBackPhase', { plan: 'testapp', connection: 'main', phase: 'users' });
      await handle.result();
      return [handle.workflowId];
    },
  },
  'failed-migration': {
    world: world(),
    play: async (on) => {
      on.world.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
      on.world.fails('openPhase', failure('BadInput', 'phase.order'));
      const parent = await on.migration();
      await parent.result().catch(() => undefined);
      return [parent.workflowId, `${parent.workflowId}/users`];
    },
  },
  'migration-with-rows': {
    world: world(),
    play: async (on) => {
      on.world.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
      on.world.ranges = [1, 2, 3].map((range) => ({ table: 'users', range, slices: 4 }));
      const parent = await on.migration();
      const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
      await until(
        () =>
          users.describe().then(
            () => true,
            () => false,
          ),
        (there) => there,
      );
      await gate(users, 'before-swap');
      await untilState(parent, 'waiting-for-approval');
      return [parent.workflowId, users.workflowId];
    },
  },
  'signals-in-order': {
    world: world({ checkpoints: [checkpoint('after-swap', { approvals: 3 })] }),
    play: async (on) => {
      on.world.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
      on.world.hold('readMigration');
      const parent = await on.migration();
      for (const name of ['pause', 'resume', 'pause', 'resume']) await parent.signal(name, { by: 'ann' });
      on.world.release('readMigration');
      const opening = await gate(parent, 'after-swap');
      const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
      const said = { checkpoint: 'after-swap', opening, plan: planHash };
      await Promise.all(['ann', 'bob', 'cat'].map((by) => users.signal('approve', { ...said, by })));
      await parent.result();
      return [parent.workflowId, users.workflowId];
    },
  },
  migration: {
    world: world(),
    play: async (on) => {
      on.world.phases = ['leaf', 'users'].map((phase) => ({
        phase,
        kind: 'tables' as const,
        state: 'new' as const,
      }));
      const parent = await on.migration();
      const leaf = on.client.workflow.getHandle(`${parent.workflowId}/leaf`);
      await until(
        () =>
          leaf.describe().then(
            () => true,
            () => false,
          ),
        (there) => there,
      );
      await approve(leaf, 'before-swap');
      const opening = await gate(leaf, 'after-swap');
      on.world.cutOver = false;
      await parent.signal('approve', { checkpoint: 'after-swap', opening, plan: planHash, by: 'ann' });
      const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
      await until(
        () =>
          users.describe().then(
            () => true,
            () => false,
          ),
        (there) => there,
      );
      await gate(users, 'before-swap');
      return [parent.workflowId, users.workflowId];
    },
  },
};

async function record(): Promise<void> {
  const temporal = await startTemporal({ keepState: false, own: true });
  const { address, namespace, cliPath } = temporal;
  const harness = await Harness.start({ address, namespace, cliPath, taskQueue: 'recorded', uiUrl: null });
  await mkdir(folder, { recursive: true });
  try {
    const wanted = process.argv.slice(2);
    for (const [name, scenario] of Object.entries(scenarios)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      await harness.with(scenario.world, async (on) => {
        const ids = await scenario.play(on);
        for (const [at, id] of ids.entries()) {
          const { stdout } = await harness.run('workflow', 'show', '--workflow-id', id, '--output', 'json');
          const file = `${name}${at === 0 ? '' : '-child'}.json.gz`;
          // stack traces say where this clone lies
          const anywhere = stdout.replaceAll(`${join(__dirname, '../..')}/`, '');
          await writeFile(join(folder, file), gzipSync(anywhere, { level: 9 }));
        }
      });
    }
  } finally {
    await harness.stop();
    await temporal.stop();
  }
}

void record();
