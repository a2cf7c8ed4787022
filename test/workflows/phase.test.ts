import { checkpoint, FakeWorld, failedValidation, failure } from './fake-world.js';
import { approve, Harness, parked, reject, resolve, statusOf, untilState } from './harness.js';

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

const forward = [
  'openPhase users',
  'preflight',
  'backup',
  'addColumns',
  'planMap',
  'mapRange users/1 5000',
  'finishMap',
  'buildTwins',
  'validate before-swap',
  'gate before-swap',
  'validate before-swap',
  'swapKeys 1',
  'validate after-swap',
  'gate after-swap',
  'closePhase done',
];

const back = ['dropTwins', 'unmap', 'dropColumns', 'validate after-rollback', 'closePhase rolled-back'];

test('a phase runs its steps in the order of the design and ends done', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    await approve(handle, 'before-swap');
    await approve(handle, 'after-swap');
    expect(await handle.result()).toEqual({
      outcome: 'done',
      phase: 'users',
      tables: 1,
      rows: 100,
      seconds: 1,
      longestLockMs: 7,
      longestStallMs: 60,
      metrics: { rowsBefore: 100 },
    });
    expect(on.world.steps).toEqual(forward);
    expect(on.world.closed).toEqual([
      { gate: 'before-swap', opening: 1, outcome: 'approved' },
      { gate: 'after-swap', opening: 2, outcome: 'approved' },
    ]);
    expect((await statusOf(handle)).state).toBe('done');
  }));

test('hooks stand around the cutover, and swapKeys gets the opening under which it was approved', () =>
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
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      await reject(handle, 'after-swap');
      expect((await handle.result()).outcome).toBe('rolled-back');
      const around = on.world.steps.slice(on.world.steps.indexOf('hook before-swap'));
      expect(around).toEqual([
        'hook before-swap',
        'swapKeys 1',
        'hook after-swap',
        'validate after-swap',
        'gate after-swap',
        'hook before-swap-back',
        'swapKeysBack',
        'hook after-swap-back',
        ...back,
      ]);
    },
  ));

test('a reject before the cutover undoes all steps, newest first, and swaps nothing', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    await reject(handle, 'before-swap');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back', phase: 'users' });
    expect(on.world.steps.slice(10)).toEqual(back);
    expect((await statusOf(handle)).state).toBe('rolled-back');
  }));

test('swapKeys that does not commit: the hook after-swap-back runs before the phase parks, retry begins at the window', () =>
  harness.with(
    world({ hooks: { 'before-swap': 'stop', 'after-swap': 'start', 'after-swap-back': 'old' } }),
    async (on) => {
      on.world.fails('swapKeys', failure('StepFailed', 'locks.tries'));
      const handle = await on.phase();
      await approve(handle, 'before-swap');
      const status = await parked(handle, 'swapKeys');
      expect(status.failure).toMatchObject({
        step: 'swapKeys',
        code: 'locks.tries',
        remedy: 'Do something about it.',
      });
      expect(on.world.steps.slice(-4)).toEqual([
        'hook before-swap',
        'swapKeys 1',
        'hook after-swap-back',
        'park swapKeys',
      ]);
      await resolve(handle, on.world, 'swapKeys', 'retry');
      await approve(handle, 'after-swap');
      expect((await handle.result()).outcome).toBe('done');
      const after = on.world.steps.slice(on.world.steps.indexOf('park swapKeys') + 1);
      expect(after.slice(0, 4)).toEqual([
        'validate before-swap',
        'hook before-swap',
        'swapKeys 1',
        'hook after-swap',
      ]);
    },
  ));

test('a step that fails parks the phase, says what to do, and goes on after a retry', () =>
  harness.with(world(), async (on) => {
    on.world.fails('buildTwins', failure('StepFailed', 'index.invalid', 'the twin of users_pkey is invalid'));
    const handle = await on.phase();
    const status = await parked(handle, 'buildTwins');
    expect(status).toMatchObject({
      state: 'parked',
      step: 'buildTwins',
      failure: {
        step: 'buildTwins',
        code: 'index.invalid',
        message: 'the twin of users_pkey is invalid',
        remedy: 'Do something about it.',
      },
      checkpoint: null,
    });
    expect(status.next).toHaveLength(2);
    expect(status.next[0]).toContain('"action":"retry"');
    await resolve(handle, on.world, 'buildTwins', 'retry');
    await approve(handle, 'before-swap');
    expect(on.world.count('buildTwins')).toBe(2);
    expect(on.world.failures).toEqual([{ step: 'buildTwins', code: 'index.invalid' }]);
  }));

test('a parked step can not be skipped where skipping would leave the data half way', () =>
  harness.with(world(), async (on) => {
    on.world.fails('buildTwins', failure('StepFailed'));
    const handle = await on.phase();
    await resolve(handle, on.world, 'buildTwins', 'skip');
    const status = await untilState(handle, 'parked', ({ notes }) =>
      notes.some((note) => note.includes('skip is not possible')),
    );
    expect(status.failure?.step).toBe('buildTwins');
    await resolve(handle, on.world, 'buildTwins', 'rollback');
    expect((await handle.result()).outcome).toBe('rolled-back');
    expect(on.world.steps.slice(-5)).toEqual(back);
  }));

test('a failure that may pass is tried again without limit and without parking', () =>
  harness.with(world(), async (on) => {
    on.world.fails('addColumns', failure('Transient'), failure('Transient'));
    const handle = await on.phase();
    await approve(handle, 'before-swap');
    expect(on.world.count('addColumns')).toBe(3);
    expect(on.world.count('park addColumns')).toBe(0);
  }));

test('a failed validation rolls back where the plan says so', () =>
  harness.with(world({ rollback: { on: ['validation'], askOn: [] } }), async (on) => {
    on.world.validations['after-swap'] = [failedValidation('validation')];
    const handle = await on.phase();
    await approve(handle, 'before-swap');
    expect((await handle.result()).outcome).toBe('rolled-back');
    expect(on.world.steps.slice(-6)).toEqual(['swapKeysBack', ...back]);
  }));

test('a failed probe asks first where the plan says so, and may be skipped', () =>
  harness.with(world({ rollback: { on: ['validation'], askOn: ['probe'] } }), async (on) => {
    on.world.validations['after-swap'] = [failedValidation('probe', 'user by key')];
    const handle = await on.phase();
    await approve(handle, 'before-swap');
    const status = await parked(handle, 'validate');
    expect(status.failure).toMatchObject({ code: 'validate.ask' });
    expect(status.failure?.message).toContain('user by key on orders.user_id (3)');
    await resolve(handle, on.world, 'validate', 'skip');
    await approve(handle, 'after-swap');
    expect((await handle.result()).outcome).toBe('done');
  }));

test('a failed validation that the plan says nothing about parks, and can not be skipped', () =>
  harness.with(world(), async (on) => {
    on.world.validations['before-swap'] = [failedValidation('validation'), failedValidation('validation')];
    const handle = await on.phase();
    const status = await parked(handle, 'validate');
    expect(status.next.join()).not.toContain('"skip"');
    on.world.validations = {};
    await resolve(handle, on.world, 'validate', 'retry');
    await approve(handle, 'before-swap');
  }));

test('a compensation that fails parks, and only retry remains', () =>
  harness.with(world(), async (on) => {
    on.world.fails('unmap', failure('StepFailed', 'disk.full'));
    const handle = await on.phase();
    await reject(handle, 'before-swap');
    const status = await parked(handle, 'undo map');
    expect(status.next).toHaveLength(1);
    await resolve(handle, on.world, 'undo map', 'rollback');
    await resolve(handle, on.world, 'undo map', 'retry');
    expect((await handle.result()).outcome).toBe('rolled-back');
    expect(on.world.steps.filter((step) => step === 'unmap')).toHaveLength(2);
  }));

test('a rollback whose last validation fails parks until it passes', () =>
  harness.with(world(), async (on) => {
    on.world.validations['after-rollback'] = [failedValidation('validation'), failedValidation('validation')];
    const handle = await on.phase();
    await reject(handle, 'before-swap');
    await parked(handle, 'validate');
    on.world.validations = {};
    await resolve(handle, on.world, 'validate', 'retry');
    expect((await handle.result()).outcome).toBe('rolled-back');
  }));

test('foundation: schema, backup, restore drill, baseline, one gate; a reject drops the schema last', () =>
  harness.with(world({ kind: 'foundation', checkpoints: [checkpoint('after')] }), async (on) => {
    const handle = await on.phase();
    await reject(handle, 'after');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.steps).toEqual([
      'openPhase users',
      'preflight',
      'createFoundation',
      'backup',
      'restoreDrill',
      'measureBaseline',
      'gate after',
      'dropFoundation',
    ]);
    expect(on.world.decisions).toHaveLength(1);
  }));

test('a foundation that is given up before its first step leaves no schema behind', () =>
  harness.with(world({ kind: 'foundation', checkpoints: [checkpoint('after')] }), async (on) => {
    on.world.fails('preflight', failure('Hazard', 'hazard.stop'));
    const handle = await on.phase();
    await resolve(handle, on.world, 'preflight', 'rollback');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.steps).toEqual(['openPhase users', 'preflight', 'park preflight', 'dropFoundation']);
  }));

test('a phase that is done already ends done at once', () =>
  harness.with(world({ state: 'done' }), async (on) => {
    const handle = await on.phase();
    expect((await handle.result()).outcome).toBe('done');
    expect(on.world.steps).toEqual(['openPhase users', 'closePhase done']);
  }));

test('a phase whose earlier run was ended after its cutover goes on behind it, and can still go back', () =>
  harness.with(world({ hooks: { 'after-swap': 'start' } }), async (on) => {
    on.world.cutOver = true;
    const handle = await on.phase();
    await reject(handle, 'after-swap');
    expect((await handle.result()).outcome).toBe('rolled-back');
    expect(on.world.steps).toEqual([
      'openPhase users',
      'hook after-swap',
      'validate after-swap',
      'gate after-swap',
      'swapKeysBack',
      ...back,
    ]);
  }));
