import { checkpoint, FakeWorld, failure, planHash } from './fake-world.js';
import { gate, Harness, parked, resolve, statusOf, until, untilState } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

function world(ranges: FakeWorld['ranges']): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')] };
  made.ranges = ranges;
  return made;
}

test('slices of a range grow from 5 s to 2 minutes', () =>
  harness.with(world([{ table: 'users', range: 1, slices: 7 }]), async (on) => {
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    const slices = on.world.log
      .filter((entry) => entry.startsWith('mapRange'))
      .map((entry) => Number(entry.split(' ')[2]));
    expect(slices).toEqual([5000, 10000, 20000, 40000, 80000, 120000, 120000]);
  }));

test('never more ranges at a time than the plan allows, and all of them in the end', () =>
  harness.with(
    world(Array.from({ length: 9 }, (_, range) => ({ table: 'users', range, slices: 2, rows: 100 }))),
    async (on) => {
      on.world.brief.parallel = 3;
      const handle = await on.phase();
      await gate(handle, 'before-swap');
      expect(on.world.mostAtOnce).toBe(3);
      const status = await statusOf(handle);
      expect(status.progress).toEqual([
        { table: 'users', rowsDone: 900, rowsTotal: 900, rowsPerSecond: expect.any(Number), secondsLeft: 0 },
      ]);
      expect(Date.parse(status.asOf)).toBeGreaterThan(Date.now() - 60_000);
    },
  ));

test('pause stops map after its batch and tells the running slices; resume goes on where it was', () =>
  harness.with(world([{ table: 'users', range: 1, slices: 3 }]), async (on) => {
    on.world.hold('mapRange users/1 10000');
    const handle = await on.phase();
    await until(
      () => on.world.count('mapRange users/1 10000'),
      (count) => count === 1,
    );
    await handle.signal('pause', { by: 'ann' });
    await until(
      () => on.world.paused,
      (paused) => paused,
    );
    on.world.release('mapRange users/1 10000');
    const status = await untilState(handle, 'paused');
    expect(status.next[0]).toContain('--name resume');
    const before = on.world.count('mapRange users/1 20000');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(on.world.count('mapRange users/1 20000')).toBe(before);
    await handle.signal('resume', { by: 'ann' });
    await gate(handle, 'before-swap');
    expect(on.world.paused).toBe(false);
    expect(on.world.decisions.map(({ decision, by }) => `${decision} ${by}`)).toEqual([
      'pause ann',
      'resume ann',
    ]);
  }));

test('an approval while the phase is paused counts, but the cutover waits for resume', () =>
  harness.with(world([{ table: 'users', range: 1, slices: 1 }]), async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    await handle.signal('pause', { by: 'ann' });
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' });
    await untilState(handle, 'paused');
    expect(on.world.log.some((entry) => entry.startsWith('swapKeys'))).toBe(false);
    await handle.signal('resume', { by: 'ann' });
    await gate(handle, 'after-swap');
  }));

test('a cancel while the phase is paused rolls back and lifts the pause', () =>
  harness.with(world([{ table: 'users', range: 1, slices: 3 }]), async (on) => {
    on.world.hold('addColumns');
    const handle = await on.phase();
    await until(
      () => on.world.count('addColumns'),
      (count) => count === 1,
    );
    await handle.signal('pause', { by: 'ann' });
    on.world.release('addColumns');
    await untilState(handle, 'paused');
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.paused).toBe(false);
  }));

test('a range that fails stops the others, parks map, and a retry does the rest', () =>
  harness.with(
    world([
      { table: 'users', range: 1, slices: 1 },
      { table: 'users', range: 2, slices: 1 },
      { table: 'orders', range: 1, slices: 1 },
    ]),
    async (on) => {
      on.world.fails('mapRange users/1 5000', failure('StepFailed', 'disk.full'));
      on.world.hold('mapRange users/2 5000');
      const handle = await on.phase();
      const status = await parked(handle, 'map');
      expect(status.failure).toMatchObject({ step: 'map', code: 'disk.full' });
      on.world.release('mapRange users/2 5000');
      await resolve(handle, on.world, 'map', 'retry');
      await gate(handle, 'before-swap');
      expect(on.world.count('planMap')).toBe(2);
      expect(on.world.count('finishMap')).toBe(1);
    },
  ));
