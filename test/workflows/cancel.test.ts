import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpoint, FakeWorld, failure } from './fake-world.js';
import { approve, bundle, gate, Harness, parked, statusOf, until, untilState } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

function world(brief: FakeWorld['brief'] = {}): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')], ...brief };
  return made;
}

const undone = ['dropTwins', 'unmap', 'dropColumns', 'validate after-rollback', 'closePhase rolled-back'];

test('a cancel in the middle of a step undoes it after it has stopped, then what came before it', () =>
  harness.with(world(), async (on) => {
    // it hears of the cancel, and is at work for a while yet
    on.world.hold('buildTwins', { lingers: 1_000 });
    const handle = await on.phase();
    await until(
      () => on.world.count('buildTwins'),
      (count) => count === 1,
    );
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.steps.slice(-6)).toEqual(['buildTwins has stopped', ...undone]);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
  }));

test('a step that completes in spite of a cancel is undone all the same', () =>
  harness.with(world(), async (on) => {
    on.world.hold('addColumns', { lateOnCancel: true });
    const handle = await on.phase();
    await until(
      () => on.world.count('addColumns'),
      (count) => count === 1,
    );
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.ended).toContain('addColumns');
    expect(on.world.steps.slice(-3)).toEqual([
      'dropColumns',
      'validate after-rollback',
      'closePhase rolled-back',
    ]);
    expect(on.world.log).not.toContain('planMap');
  }));

test('a cancel during swapKeys that commits in spite of it swaps back, hooks around it', () =>
  harness.with(
    world({
      hooks: {
        'before-swap': 'stop',
        'after-swap': 'start',
        'before-swap-back': 'stop',
        'after-swap-back': 'old',
      },
    }),
    async (on) => {
      on.world.hold('swapKeys', { lateOnCancel: true });
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      await until(
        () => on.world.count('swapKeys 1'),
        (count) => count === 1,
      );
      await handle.cancel();
      expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
      expect(on.world.steps.slice(-8)).toEqual([
        'hook before-swap-back',
        'swapKeysBack',
        'hook after-swap-back',
        ...undone,
      ]);
    },
  ));

test('a cancel during swapKeys that does not commit starts the application again before anything is undone', () =>
  harness.with(
    world({ hooks: { 'before-swap': 'stop', 'after-swap-back': 'old', 'before-swap-back': 'stop' } }),
    async (on) => {
      on.world.hold('swapKeys');
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      await until(
        () => on.world.count('swapKeys 1'),
        (count) => count === 1,
      );
      await handle.cancel();
      expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
      expect(on.world.steps.slice(-7)).toEqual(['hook after-swap-back', 'swapKeysBack', ...undone]);
    },
  ));

test.each(['before-swap', 'after-swap'])('a cancel at the checkpoint %s is a rollback', (name) =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    if (name === 'after-swap') await approve(handle, 'before-swap');
    await gate(handle, name);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.cutOver).toBe(false);
    expect(on.world.closed.at(-1)).toMatchObject({ gate: name, outcome: 'cancelled' });
  }),
);

test('a cancel of a parked phase is a rollback', () =>
  harness.with(world(), async (on) => {
    on.world.fails('backup', failure('StepFailed', 'disk.full'));
    const handle = await on.phase();
    await parked(handle, 'backup');
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.steps.at(-1)).toBe('closePhase rolled-back');
  }));

test('a cancel of a phase that rolls back changes nothing and is shown', () =>
  harness.with(world(), async (on) => {
    on.world.fails('dropColumns', failure('StepFailed'));
    on.world.hold('buildTwins');
    const handle = await on.phase();
    await until(
      () => on.world.count('buildTwins'),
      (count) => count === 1,
    );
    await handle.cancel();
    const status = await parked(handle, 'undo addColumns');
    await handle.signal('resolve', {
      step: 'undo addColumns',
      opening: on.world.openings,
      plan: status.planHash,
      action: 'retry',
      by: 'ann',
    });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  }));

/** Cancelled while it is opened: the opening stops, or ends in spite of it, with whatever it has left in the database. */
async function cancelledWhileOpening(made: FakeWorld, lateOnCancel: boolean) {
  return harness.with(made, async (on) => {
    on.world.hold('openPhase', { lateOnCancel });
    const handle = await on.phase();
    await until(
      () => on.world.count('openPhase users'),
      (count) => count === 1,
    );
    await handle.cancel();
    const { outcome } = await handle.result();
    return { outcome, steps: on.world.steps.slice(1), notes: (await statusOf(handle)).notes.join() };
  });
}

describe('a cancel while the phase is opened', () => {
  test('closes what the opening has left open, and undoes what an earlier run had done', async () => {
    const made = world();
    made.opened = true;
    expect(await cancelledWhileOpening(made, false)).toMatchObject({
      outcome: 'rolled-back',
      steps: ['withdrawOpening', 'closePhase rolled-back'],
    });
    const again = world();
    again.opened = true;
    again.begun = true;
    expect((await cancelledWhileOpening(again, false)).steps).toEqual([
      'withdrawOpening',
      'swapKeysBack',
      ...undone,
    ]);
  });

  test('drops the schema that the foundation was opened in, whether or not its opening has answered', async () => {
    for (const late of [false, true]) {
      const made = world({ kind: 'foundation' });
      made.opened = true;
      const { steps } = await cancelledWhileOpening(made, late);
      expect(steps).toEqual([...(late ? [] : ['withdrawOpening']), 'dropFoundation']);
    }
  });

  test('undoes nothing of a phase that is done, and says so', async () => {
    const made = world({ state: 'done', cutOver: true });
    made.cutOver = true;
    expect(await cancelledWhileOpening(made, true)).toMatchObject({
      outcome: 'done',
      steps: ['closePhase done'],
      notes: expect.stringContaining('a cancel had no effect: the phase is done'),
    });
  });

  test('has no effect after the first drop of cleanup, which goes on and is never called rolled back', async () => {
    const made = world({ kind: 'cleanup', checkpoints: [] });
    made.cutOver = true;
    expect(await cancelledWhileOpening(made, true)).toMatchObject({
      outcome: 'done',
      steps: ['dropLegacy null', 'buildIndexes', 'analyzeTables', 'archiveMapping', 'closePhase done'],
      notes: expect.stringContaining('a cancel had no effect: cleanup has begun to drop'),
    });
    // and where it has no answer, the journal is left as it is
    const silent = world({ kind: 'cleanup', checkpoints: [] });
    silent.cutOver = true;
    silent.opened = true;
    expect((await cancelledWhileOpening(silent, false)).steps).toEqual(['withdrawOpening']);
  });
});

describe('cleanup', () => {
  const cleanup = () =>
    world({ kind: 'cleanup', checkpoints: [checkpoint('before-drop'), checkpoint('after')] });

  test('backs up, waits for its own approval, drops, and ends', () =>
    harness.with(cleanup(), async (on) => {
      const handle = await on.phase('cleanup');
      await approve(handle, 'before-drop');
      await approve(handle, 'after');
      expect(await handle.result()).toMatchObject({ outcome: 'done' });
      expect(on.world.steps).toEqual([
        'openPhase cleanup',
        'preflight',
        'backup',
        'gate before-drop',
        'dropLegacy 1',
        'buildIndexes',
        'analyzeTables',
        'archiveMapping',
        'gate after',
        'closePhase done',
      ]);
    }));

  test('never drops without an approval, even if its plan names no checkpoint', () =>
    harness.with(world({ kind: 'cleanup', checkpoints: [] }), async (on) => {
      const handle = await on.phase('cleanup');
      await gate(handle, 'before-drop');
      expect(on.world.log).not.toContain('dropLegacy 1');
    }));

  test('a reject before the first drop ends the phase with nothing dropped', () =>
    harness.with(cleanup(), async (on) => {
      const handle = await on.phase('cleanup');
      const opening = await gate(handle, 'before-drop');
      const { planHash: plan } = await statusOf(handle);
      await handle.signal('reject', { checkpoint: 'before-drop', opening, plan, by: 'ann' });
      expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
      expect(on.world.steps.slice(-2)).toEqual(['gate before-drop', 'closePhase rolled-back']);
    }));

  test('a cancel after the first drop has no effect, and everybody can see that and why', () =>
    harness.with(cleanup(), async (on) => {
      on.world.hold('buildIndexes');
      const handle = await on.phase('cleanup');
      await approve(handle, 'before-drop');
      await until(
        () => on.world.count('buildIndexes'),
        (count) => count === 1,
      );
      await handle.cancel();
      const status = await until(
        () => statusOf(handle),
        ({ notes }) => notes.some((note) => note.includes('cancel had no effect')),
      );
      expect(status.wayBack).toMatchObject({ open: false, because: expect.stringContaining('no effect') });
      expect(status.next.join()).not.toContain('workflow cancel');
      expect(JSON.stringify((await handle.describe()).memo)).toContain('cancel had no effect');
      on.world.release('buildIndexes');
      await approve(handle, 'after');
      expect(await handle.result()).toMatchObject({ outcome: 'done' });
    }));

  test('after the first drop a failure parks, and only retry remains', () =>
    harness.with(cleanup(), async (on) => {
      on.world.fails('analyzeTables', failure('StepFailed'));
      const handle = await on.phase('cleanup');
      await approve(handle, 'before-drop');
      const status = await parked(handle, 'analyzeTables');
      expect(status.next).toHaveLength(1);
      expect(status.next[0]).toContain('"action":"retry"');
      await handle.cancel();
      expect((await statusOf(handle)).state).toBe('parked');
      await handle.signal('resolve', {
        step: 'analyzeTables',
        opening: on.world.openings,
        plan: status.planHash,
        action: 'retry',
        by: 'ann',
      });
      const opening = await gate(handle, 'after');
      await handle.signal('reject', { checkpoint: 'after', opening, plan: status.planHash, by: 'ann' });
      await untilState(handle, 'waiting-for-approval', ({ notes }) =>
        notes.some((note) => note.includes('nothing can be undone')),
      );
      await approve(handle, 'after');
      expect(await handle.result()).toMatchObject({ outcome: 'done' });
    }));

  test('a drop that fails before anything is dropped can still be given up', () =>
    harness.with(cleanup(), async (on) => {
      on.world.fails('dropLegacy', failure('SchemaMoved', 'schema.moved'));
      const handle = await on.phase('cleanup');
      await approve(handle, 'before-drop');
      const status = await parked(handle, 'dropLegacy');
      expect(status.next.join()).toContain('"action":"rollback"');
      await handle.cancel();
      expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    }));
});

test('a worker killed in the middle of a step, then a cancel: the next worker rolls back', async () => {
  const made = world();
  await harness.with(made, async (on) => {
    const directory = await mkdtemp(join(tmpdir(), 'doomed-'));
    const codePath = join(directory, 'bundle.js');
    await writeFile(codePath, (await bundle()).code);
    const taskQueue = harness.queue();
    const doomed = spawn(
      process.execPath,
      ['-r', join(__dirname, '../setup/register.js'), join(__dirname, 'doomed-worker.ts')],
      {
        env: {
          ...process.env,
          ADDRESS: harness.server.address,
          NAMESPACE: harness.server.namespace,
          QUEUE: taskQueue,
          BUNDLE: codePath,
          HANGS: 'addColumns',
        },
        stdio: 'ignore',
      },
    );
    try {
      const handle = await on.client.workflow.start('runPhase', {
        workflowId: taskQueue,
        taskQueue,
        args: [{ plan: 'testapp', connection: 'main', phase: 'users' }],
      });
      await until(
        async () => (await handle.describe()).raw.pendingActivities ?? [],
        (pending) =>
          pending.some(
            ({ activityType, lastHeartbeatTime }) => activityType?.name === 'addColumns' && lastHeartbeatTime,
          ),
      );
      doomed.kill('SIGKILL');
      await handle.cancel();
      const next = await harness.worker(made, taskQueue);
      expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
      await next.stop();
      // whether the server tries the step again before it hears of the cancel is a matter of milliseconds
      const steps = made.steps[0] === 'addColumns' ? made.steps.slice(1) : made.steps;
      expect(steps).toEqual(['dropColumns', 'validate after-rollback', 'closePhase rolled-back']);
    } finally {
      doomed.kill('SIGKILL');
      await rm(directory, { recursive: true });
    }
  });
});
