import { checkpoint, FakeWorld, failedValidation, failure, passed, planHash } from './fake-world.js';
import { approve, gate, Harness, parked, resolve, statusOf, until, untilState } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

function world(first: Parameters<typeof checkpoint>[1] = {}, brief: FakeWorld['brief'] = {}): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap', first), checkpoint('after-swap')], ...brief };
  return made;
}

test('a checkpoint that two people have to approve opens with the second one', () =>
  harness.with(world({ approvals: 2, from: ['ann', 'bob'] }), async (on) => {
    const handle = await on.phase();
    const opening = await approve(handle, 'before-swap', 'Ann');
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan: planHash, by: 'ann ' });
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan: planHash, by: 'eve' });
    const status = await untilState(handle, 'waiting-for-approval', ({ notes }) => notes.length === 2);
    expect(status.checkpoint).toMatchObject({ approvals: [{ by: 'Ann' }], needed: 2, from: ['ann', 'bob'] });
    expect(status.next[0]).toContain('"by":"bob"');
    await approve(handle, 'before-swap', 'bob');
    await gate(handle, 'after-swap');
    expect(on.world.decisions.map(({ by, verdict }) => [by, verdict.split(':')[0]])).toEqual([
      ['Ann', 'counted'],
      ['ann', 'repeated'],
      ['eve', 'foreign'],
      ['bob', 'counted'],
    ]);
    expect(on.world.decisions[3]?.event).toEqual({ signal: 'approve', nth: 4 });
  }));

test('decide answers at once and says why a decision opened nothing', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    const decide = (input: object) =>
      handle.executeUpdate<{ counted: boolean; verdict: string }, [object]>('decide', { args: [input] });
    const decision = { decision: 'approve', checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' };
    expect(await decide({ ...decision, plan: 'ba9876543210' })).toMatchObject({
      counted: false,
      verdict: expect.stringContaining('foreign'),
    });
    expect(await decide({ ...decision, by: '' })).toMatchObject({
      counted: false,
      verdict: expect.stringContaining('by'),
    });
    expect(await decide({ aprove: true })).toMatchObject({ counted: false });
    expect(await decide(decision)).toEqual({ counted: true, verdict: 'counted: before-swap is approved' });
    await gate(handle, 'after-swap');
  }));

test('no signal, however wrong, ends or stops a phase; each is recorded', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    const right = { checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' };
    await handle.signal('approve');
    await handle.signal('approve', null);
    await handle.signal('approve', 'yes');
    await handle.signal('approve', { ...right, by: ' ' });
    await handle.signal('approve', { ...right, opening: 'seven' });
    await handle.signal('approve', { ...right, whatever: 1 });
    await handle.signal('aprove', right);
    await handle.signal('resolve', { step: 'map', opening: 1, plan: planHash, action: 'explode', by: 'ann' });
    await handle.signal('resolve', { step: 'map', opening: 1, plan: planHash, action: 'retry', by: 'ann' });
    await handle.signal('pause', 17);
    await until(
      () => on.world.decisions.length,
      (count) => count === 10,
    );
    expect(on.world.decisions.filter(({ verdict }) => verdict === 'counted')).toEqual([]);
    expect(on.world.decisions[6]).toMatchObject({
      decision: 'aprove',
      by: 'ann',
      verdict: expect.stringContaining('no signal of this name'),
    });
    expect((await statusOf(handle)).state).toBe('waiting-for-approval');
    await approve(handle, 'before-swap');
    await approve(handle, 'after-swap');
    expect((await handle.result()).outcome).toBe('done');
  }));

test('a checkpoint that nobody approves in time rolls back', () =>
  harness.with(world({ timeout: 1500, onTimeout: 'rollback' }), async (on) => {
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.closed[0]).toMatchObject({ gate: 'before-swap', outcome: 'timed-out' });
    expect(on.world.count('swapKeys 1')).toBe(0);
  }));

test('a timeout that escalates runs the hook, shows it, and opens the next deadline under the same opening', () =>
  harness.with(
    world({ timeout: 1200, onTimeout: 'escalate' }, { hooks: { escalate: 'call-somebody' } }),
    async (on) => {
      const handle = await on.phase();
      const opening = await gate(handle, 'before-swap');
      const first = (await statusOf(handle)).checkpoint?.until ?? '';
      const status = await untilState(handle, 'waiting-for-approval', ({ notes }) =>
        notes.some((note) => note.includes('escalated')),
      );
      expect(status.checkpoint?.opening).toBe(opening);
      expect(Date.parse(status.checkpoint?.until ?? '')).toBeGreaterThan(Date.parse(first));
      await approve(handle, 'before-swap');
      await gate(handle, 'after-swap');
      expect(on.world.log).toContain('hook escalate');
    },
  ));

test('an approval that reaches a worker only after the deadline opens nothing, even if it arrives with the timer', () => {
  const made = world({ timeout: 2000, onTimeout: 'rollback' });
  return harness.with(made, async (on) => {
    // a queue of its own, whose worker goes away
    const taskQueue = harness.queue();
    const worker = await harness.worker(made, taskQueue);
    const handle = await on.client.workflow.start('runPhase', {
      workflowId: taskQueue,
      taskQueue,
      args: [{ plan: 'testapp', connection: 'main', phase: 'users' }],
    });
    const opening = await gate(handle, 'before-swap');
    await worker.stop();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' });
    const next = await harness.worker(made, taskQueue);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    await next.stop();
    expect(made.log.some((entry) => entry.startsWith('swapKeys '))).toBe(false);
    expect(made.decisions.at(-1)?.verdict).toMatch(/^late/);
  });
});

test('a reset to the first task sends all signals again, and they open no later gate', () =>
  harness.with(
    world({}, { checkpoints: [checkpoint('before'), checkpoint('before-swap'), checkpoint('after-swap')] }),
    async (on) => {
      const handle = await on.phase();
      await approve(handle, 'before');
      await approve(handle, 'before-swap');
      await gate(handle, 'after-swap');
      on.world.cutOver = false;
      await harness.cli(
        'workflow',
        'reset',
        '--workflow-id',
        handle.workflowId,
        '--type',
        'FirstWorkflowTask',
        '--reason',
        'test',
      );
      const again = on.client.workflow.getHandle(handle.workflowId);
      const opening = await gate(again, 'before', 3);
      expect(opening).toBe(4);
      // both were judged again, and were early
      await until(
        () => on.world.decisions.length,
        (count) => count === 4,
      );
      expect(on.world.decisions.slice(2).map(({ verdict }) => verdict)).toEqual([
        expect.stringMatching(/^early/),
        expect.stringMatching(/^early/),
      ]);
      await approve(again, 'before');
      expect(await gate(again, 'before-swap')).toBe(5);
    },
  ));

test('while it waits it validates again; a failure voids the approvals, closes the opening and parks', () =>
  harness.with(world({ approvals: 2 }, { revalidate: 700 }), async (on) => {
    on.world.validations.waiting = [passed, failedValidation('validation')];
    on.world.validations['before-swap'] = [passed, failedValidation('validation'), passed];
    const handle = await on.phase();
    const opening = await approve(handle, 'before-swap', 'ann');
    const seen = await untilState(
      handle,
      'waiting-for-approval',
      ({ checkpoint: open }) => open?.validation != null,
    );
    expect(seen.checkpoint?.validation).toMatchObject({ passed: true, checks: 3 });
    await parked(handle, 'validate');
    expect(on.world.closed[0]).toEqual({ gate: 'before-swap', opening, outcome: 'voided' });
    on.world.validations = {};
    await resolve(handle, on.world, 'validate', 'retry');
    await gate(handle, 'before-swap', opening);
    const status = await statusOf(handle);
    expect(status.checkpoint?.approvals).toEqual([]);
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan: planHash, by: 'bob' });
    await until(
      () => on.world.decisions.at(-1)?.verdict ?? '',
      (verdict) => verdict.startsWith('late'),
    );
  }));

test('the cutover waits for its window, and begins only while enough of it is left', () => {
  const inTwoSeconds = new Date(Math.ceil((Date.now() + 4000) / 60_000) * 60_000);
  const hhmm = (at: number) => new Date(at).toISOString().slice(11, 16);
  const window = {
    days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as never,
    from: hhmm(inTwoSeconds.getTime() + 3_600_000),
    to: hhmm(inTwoSeconds.getTime() + 7_200_000),
    zone: 'UTC',
  };
  return harness.with(world({}, { window }), async (on) => {
    const handle = await on.phase();
    await approve(handle, 'before-swap');
    const status = await untilState(handle, 'waiting-for-window');
    expect(status.window?.opensAt?.slice(11, 16)).toBe(window.from);
    expect(status.checkpoint).toBeNull();
    expect(on.world.log).not.toContain('swapKeys 1');
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.closed).toEqual([{ gate: 'before-swap', opening: 1, outcome: 'rolled-back' }]);
  });
});

test('a validation that fails after the approval voids it', () =>
  harness.with(world(), async (on) => {
    on.world.validations['before-swap'] = [passed, failedValidation('validation'), passed];
    const handle = await on.phase();
    const opening = await approve(handle, 'before-swap');
    await resolve(handle, on.world, 'validate', 'retry');
    expect(await gate(handle, 'before-swap')).toBeGreaterThan(opening);
    expect(on.world.closed[0]).toMatchObject({ opening, outcome: 'voided' });
    expect(on.world.log.some((entry) => entry.startsWith('swapKeys'))).toBe(false);
  }));

test('an approval that comes at once needs no second validation, one that was waited for does', async () => {
  const validations = async (validFor: number) => {
    const made = world({}, { validFor });
    await harness.with(made, async (on) => {
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      await gate(handle, 'after-swap');
    });
    return made.log.filter((entry) => entry === 'validate before-swap').length;
  };
  expect(await validations(60_000)).toBe(1);
  expect(await validations(1)).toBe(2);
});

test('an opening that the journal has closed by the cutover is opened again, and approved again', () =>
  harness.with(world(), async (on) => {
    on.world.fails('swapKeys', failure('StepFailed', 'gate.not-open'));
    const handle = await on.phase();
    const opening = await approve(handle, 'before-swap');
    const next = await gate(handle, 'before-swap', opening);
    expect(on.world.closed).toContainEqual({ gate: 'before-swap', opening, outcome: 'voided' });
    expect((await statusOf(handle)).checkpoint).toMatchObject({ opening: next, approvals: [] });
    await approve(handle, 'before-swap');
    await gate(handle, 'after-swap');
    expect(on.world.count(`swapKeys ${next}`)).toBe(1);
  }));

test('where only the principal is trusted, a claim opens nothing and the server is asked', () =>
  harness.with(world({ trust: 'principal', from: ['ann@example.org'] }), async (on) => {
    const handle = await on.phase();
    await approve(handle, 'before-swap', 'ann@example.org');
    await until(
      () => on.world.decisions.length,
      (count) => count === 1,
    );
    expect(on.world.decisions[0]?.verdict).toContain('not trusted');
    on.world.sender = { identity: 'x', principal: 'ann@example.org' };
    await approve(handle, 'before-swap', 'whoever');
    await gate(handle, 'after-swap');
  }));

test('the way back is asked for while the checkpoint after the cutover waits', () =>
  harness.with(world({}, { revalidate: 500 }), async (on) => {
    const handle = await on.phase();
    await approve(handle, 'before-swap');
    await gate(handle, 'after-swap');
    on.world.wayBackNow = { open: false, because: 'invoices was made on the new keys of users' };
    const status = await until(
      () => statusOf(handle),
      ({ wayBack }) => !wayBack.open,
    );
    expect(status.wayBack.because).toContain('invoices');
  }));
