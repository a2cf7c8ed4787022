import { checkpoint, FakeWorld, failure, planHash } from './fake-world.js';
import { gate, Harness, parked, untilState } from './harness.js';
import { payloadsOf } from './history.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

function world(): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')] };
  return made;
}

const right = { plan: 'testapp', connection: 'main', phase: 'users' };

test.each([
  ['runPhase', undefined],
  ['runPhase', 'users'],
  ['runPhase', { plan: 'testapp', connection: 'main' }],
  ['runPhase', { ...right, password: 'secret' }],
  ['rollBackPhase', { ...right, phase: '' }],
  ['runMigration', { plan: 'testapp' }],
  ['runMigration', null],
])('%s with input %j ends FAILED with BadInput before anything is called', (type, input) =>
  harness.with(world(), async (on) => {
    const handle = await on.start(type, input);
    await expect(handle.result()).rejects.toMatchObject({
      cause: {
        type: 'BadInput',
        // what `temporal workflow result` shows: what to do as well, and nothing of our sources
        message: expect.stringMatching(
          new RegExp(`^the input of ${type} can not be used: .*\\. Start it with --input '`),
        ),
        stack: expect.not.stringMatching(/\.[jt]s:/),
        details: [{ code: 'input.unreadable', remedy: expect.stringContaining('--input') }],
      },
    });
    expect(on.world.log).toEqual([]);
  }),
);

test('an input of megabytes ends the run FAILED with a short text, or is refused by the server: nothing hangs', () =>
  harness.with(world(), async (on) => {
    const most = 'x'.repeat(1_900_000);
    for (const input of [
      most,
      { ...right, phase: most },
      { ...right, [most]: true },
      Array(400_000).fill(1),
    ]) {
      const handle = await on.start('runPhase', input);
      await expect(handle.result()).rejects.toMatchObject({
        cause: { type: 'BadInput', details: [{ code: 'input.unreadable' }] },
      });
      const sizes = (await payloadsOf(handle)).map(({ bytes }) => bytes).sort((a, b) => b - a);
      // the input itself is in the history, and nothing that is made of it
      expect(sizes.filter((bytes) => bytes > 10_000)).toHaveLength(1);
    }
    await expect(on.start('runPhase', { ...right, phase: 'x'.repeat(3_000_000) })).rejects.toMatchObject({
      cause: { details: expect.stringMatching(/size exceeds limit/) },
    });
    expect(on.world.log).toEqual([]);
  }));

test.each([
  ['runPhase', { workflowExecutionTimeout: '1 hour' }],
  ['runPhase', { workflowRunTimeout: '1 hour' }],
  ['runMigration', { workflowRunTimeout: '1 hour' }],
  ['rollBackPhase', { workflowExecutionTimeout: '1 hour' }],
])('%s is refused with %j: the server would end it in mid-step', (type, options) =>
  harness.with(world(), async (on) => {
    const input = type === 'runMigration' ? { plan: 'testapp', connection: 'main' } : right;
    const handle = await on.start(type, input, options);
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'BadInput', details: [{ code: 'input.timeout' }] },
    });
    expect(on.world.log).toEqual([]);
  }),
);

test.each(['BadInput', 'NotOwner'] as const)(
  '%s while the phase is opened ends it FAILED with type BadInput',
  (type) =>
    harness.with(world(), async (on) => {
      on.world.fails('openPhase', failure(type, 'run.second', 'another run owns the database'));
      const handle = await on.phase();
      await expect(handle.result()).rejects.toMatchObject({
        cause: {
          type: 'BadInput',
          message: 'another run owns the database. Do something about it.',
          details: [{ code: 'run.second', remedy: 'Do something about it.', where: 'users' }],
        },
      });
    }),
);

test('a database that does not answer parks the phase before it is opened, and a retry opens it', () =>
  harness.with(world(), async (on) => {
    on.world.fails('openPhase', failure('StepFailed', 'connection.silent'));
    const handle = await on.phase();
    const status = await parked(handle, 'openPhase');
    expect(status.planHash).toBe('unknown');
    const input = /--input '(.*)'$/.exec(status.next[0] ?? '')?.[1]?.replace(/'"\$\(id -un\)"'/, 'ann') ?? '';
    await handle.signal('resolve', JSON.parse(input));
    await gate(handle, 'before-swap');
  }));

test('what has to be so before the phase can be opened parks as preflight, and a retry opens it', () =>
  harness.with(world(), async (on) => {
    on.world.fails('openPhase', failure('Hazard', 'privilege-missing', 'moving may not create schemas'));
    const handle = await on.phase();
    const status = await parked(handle, 'preflight');
    expect(on.world.log).not.toContain('preflight');
    const input = /--input '(.*)'$/.exec(status.next[0] ?? '')?.[1]?.replace(/'"\$\(id -un\)"'/, 'ann') ?? '';
    expect(JSON.parse(input)).toMatchObject({ step: 'preflight', action: 'retry' });
    await handle.signal('resolve', JSON.parse(input));
    await gate(handle, 'before-swap');
  }));

test('a hazard parks preflight before the first change', () =>
  harness.with(world(), async (on) => {
    on.world.fails('preflight', failure('Hazard', 'hazard.stop', 'orders has FORCE ROW LEVEL SECURITY'));
    const handle = await on.phase();
    const status = await parked(handle, 'preflight');
    expect(status.failure).toMatchObject({
      code: 'hazard.stop',
      message: 'orders has FORCE ROW LEVEL SECURITY',
    });
    await handle.signal('resolve', {
      step: 'preflight',
      opening: 1,
      plan: planHash,
      action: 'rollback',
      by: 'ann',
    });
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(on.world.steps).toEqual([
      'openPhase users',
      'preflight',
      'park preflight',
      'closePhase rolled-back',
    ]);
  }));

test('a run that another one has taken the database from stops without undoing anything', () =>
  harness.with(world(), async (on) => {
    on.world.fails('buildTwins', failure('NotOwner', 'run.taken'));
    const handle = await on.phase();
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'NotOwner' } });
    expect(on.world.log).not.toContain('unmap');
  }));

test('wrong input that shows up after the first change parks: failing would leave it half done', () =>
  harness.with(world(), async (on) => {
    on.world.fails('buildTwins', failure('BadInput', 'plan.changed'));
    const handle = await on.phase();
    await parked(handle, 'buildTwins');
    await handle.cancel();
    await untilState(handle, 'rolled-back').catch(() => undefined);
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  }));
