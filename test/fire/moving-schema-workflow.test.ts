import { checkpoint, FakeWorld, failure, planHash } from '../workflows/fake-world.js';
import { approve, Harness, parked, until, untilState } from '../workflows/harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

const world = (brief: FakeWorld['brief']): FakeWorld => {
  const made = new FakeWorld();
  made.brief = brief;
  return made;
};

test('a way back that parks on a schema that moved says that it is closed and by what, until a retry finds it open', async () => {
  const made = world({ state: 'done' });
  made.cutOver = true;
  await harness.with(made, async (on) => {
    on.world.fails('swapKeysBack', failure('SchemaMoved', 'schema.moved'));
    const handle = await on.start('rollBackPhase', { plan: 'testapp', connection: 'main', phase: 'users' });
    const status = await parked(handle, 'swapKeysBack');
    expect(status.wayBack).toEqual({
      open: false,
      because: expect.stringMatching(/take it back and the way is open again$/),
    });
    expect(status.failure).toMatchObject({ code: 'schema.moved' });
    on.world.hold('dropTwins');
    await handle.signal('resolve', {
      step: 'swapKeysBack',
      opening: on.world.openings,
      plan: planHash,
      action: 'retry',
      by: 'ann',
    });
    await until(
      () => on.world.count('dropTwins'),
      (count) => count === 1,
    );
    const again = await untilState(handle, 'rolling-back', ({ wayBack }) => wayBack.open);
    expect(again.wayBack.open).toBe(true);
    on.world.release('dropTwins');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  });
});

test('with twins: late the unique twins come after the approval, are validated, and then the keys are swapped', async () => {
  await harness.with(world({ twins: 'late', checkpoints: [checkpoint('before-swap')] }), async (on) => {
    const handle = await on.phase('users');
    await untilState(handle, 'waiting-for-approval');
    expect(on.world.count('buildTwins')).toBe(1);
    await approve(handle, 'before-swap');
    await handle.result();
    const steps = on.world.steps.filter((step) => /buildTwins|before-swap|swapKeys/.test(step));
    expect(steps).toEqual([
      'buildTwins',
      'validate before-swap',
      expect.stringContaining('before-swap'),
      'buildTwins',
      'validate before-swap',
      expect.stringMatching(/^swapKeys /),
    ]);
  });
});
