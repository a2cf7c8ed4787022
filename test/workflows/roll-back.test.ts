import { FakeWorld, failedValidation, failure, planHash } from './fake-world.js';
import { Harness, parked, until } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

const input = { plan: 'testapp', connection: 'main', phase: 'users' };

function finished(brief: FakeWorld['brief'] = {}): FakeWorld {
  const made = new FakeWorld();
  made.cutOver = true;
  made.brief = { state: 'done', hooks: { 'before-swap-back': 'stop', 'after-swap-back': 'old' }, ...brief };
  return made;
}

test('a finished phase goes back step by step and is validated at the end', () =>
  harness.with(finished(), async (on) => {
    const handle = await on.start('rollBackPhase', input);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back', phase: 'users', rows: 100 });
    expect(on.world.steps).toEqual([
      'openRollBack',
      'hook before-swap-back',
      'swapKeysBack',
      'hook after-swap-back',
      'dropTwins',
      'unmap',
      'dropColumns',
      'validate after-rollback',
      'closePhase rolled-back',
    ]);
  }));

test('a phase that was terminated before its cutover goes back without stopping the application', () =>
  harness.with(finished({ state: 'open' }), async (on) => {
    on.world.cutOver = false;
    const handle = await on.start('rollBackPhase', input);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.log).not.toContain('hook before-swap-back');
    expect(on.world.log).toContain('dropColumns');
  }));

test('rolling the foundation back drops the schema that the journal lies in, last of all', () =>
  harness.with(finished({ kind: 'foundation' }), async (on) => {
    on.world.cutOver = false;
    const handle = await on.start('rollBackPhase', input);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.steps).toEqual(['openRollBack', 'dropFoundation']);
  }));

test('a closed way back is an error that says what closed it', () =>
  harness.with(finished(), async (on) => {
    on.world.wayBackNow = { open: false, because: 'invoices was made on the new keys of users' };
    const handle = await on.start('rollBackPhase', input);
    await expect(handle.result()).rejects.toMatchObject({
      cause: {
        type: 'BadInput',
        message: expect.stringContaining('invoices'),
        details: [{ code: 'rollback.closed' }],
      },
    });
    expect(on.world.steps).toEqual(['openRollBack']);
  }));

test('a rollback that is under way can not be cancelled; where it fails it parks', () =>
  harness.with(finished(), async (on) => {
    on.world.hold('swapKeysBack');
    on.world.validations['after-rollback'] = [failedValidation('validation')];
    on.world.fails('dropTwins', failure('StepFailed', 'lock.missed'));
    const handle = await on.start('rollBackPhase', input);
    await until(
      () => on.world.count('swapKeysBack'),
      (count) => count === 1,
    );
    await handle.cancel();
    on.world.release('swapKeysBack');
    await parked(handle, 'undo buildTwins');
    const retry = (step: string) =>
      handle.signal('resolve', {
        step,
        opening: on.world.openings,
        plan: planHash,
        action: 'retry',
        by: 'ann',
      });
    await retry('undo buildTwins');
    await parked(handle, 'validate');
    on.world.validations = {};
    await retry('validate');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  }));
