import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allowed, deadlineAfter, longestSlice, lookAgainAfter } from '../../src/decisions/rarely.js';
import { figure } from '../figures.js';
import { checkpoint, FakeWorld, passed } from './fake-world.js';
import { approve, gate, Harness, statusOf, until, untilState } from './harness.js';
import { type HistorySize, sizeOf } from './history.js';

const hour = 3_600_000;
const day = 24 * hour;
/** at which Temporal ends a run, unless its operator says otherwise */
const server = { events: 51_200, bytes: 50_000_000 };

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

/** As the reference plan's most careful checkpoint. */
function world(brief: FakeWorld['brief'] = {}): FakeWorld {
  const made = new FakeWorld();
  made.brief = {
    checkpoints: [
      checkpoint('before-swap', {
        approvals: 2,
        from: ['database-on-call', 'release-manager', 'application-owner'],
        checklist: ['maintenance window announced', 'full backup seen'],
      }),
      checkpoint('after-swap'),
    ],
    ...brief,
  };
  return made;
}

/** What docs/operating.md says that one look costs. */
function documented(): HistorySize {
  const text = readFileSync(join(__dirname, '../../docs/operating.md'), 'utf8');
  const [, events, bytes] = /One look costs (\d+) events and ([\d.]+) kB/.exec(text) ?? [];
  return { events: Number(events), bytes: Number(bytes) * 1000 };
}

test('a look while a checkpoint waits costs what the docs say, so that weeks are a small part of a history', () =>
  harness.with(world({ revalidate: 250, history: allowed }), async (on) => {
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    const looks = (count: number) =>
      until(
        () => on.world.count('validate waiting'),
        (seen) => seen >= count,
      );
    await looks(1);
    const [first, begun] = [await sizeOf(handle), on.world.count('validate waiting')];
    await looks(begun + 5);
    const [last, ended] = [await sizeOf(handle), on.world.count('validate waiting')];
    const each = {
      events: (last.events - first.events) / (ended - begun),
      bytes: (last.bytes - first.bytes) / (ended - begun),
    };
    figure('events of one look while a checkpoint waits', Math.round(each.events), 'events');
    figure('history of one look while a checkpoint waits', Math.round(each.bytes), 'bytes');
    // the first and the last look may have been counted before their events were written
    expect(each.events).toBeGreaterThan(documented().events * 0.75);
    expect(each.events).toBeLessThan(documented().events * 1.25);
    expect(each.bytes).toBeGreaterThan(documented().bytes * 0.75);
    expect(each.bytes).toBeLessThan(documented().bytes * 1.25);
    expect(first.events).toBeLessThan(200);
  }));

/** Days that a checkpoint can wait, looked at as the plan says, before the run has used what it allows itself. */
function daysOf(revalidate: number): number {
  const each = documented();
  const looks = Math.min(allowed.events / each.events, allowed.bytes / each.bytes);
  let waited = 0;
  for (let look = 0; look < looks; look += 1) waited += lookAgainAfter(revalidate, waited);
  return waited / day;
}

test.each([1_000, 60_000, hour, 6 * hour, day])(
  'with a validation every %d ms a checkpoint is looked at for more than a year before its history is full',
  (revalidate) => {
    if (revalidate === hour)
      figure('days of looks, hourly, then every six hours', Math.round(daysOf(hour)), 'days');
    expect(daysOf(revalidate)).toBeGreaterThan(365);
  },
);

test('looks are as the plan says for two days, then every six hours', () => {
  expect(lookAgainAfter(hour, 0)).toBe(hour);
  expect(lookAgainAfter(hour, 2 * day - 1)).toBe(hour);
  expect(lookAgainAfter(hour, 2 * day)).toBe(6 * hour);
  expect(lookAgainAfter(day, 3 * day)).toBe(day);
  expect(lookAgainAfter(10_000, 60_000)).toBe(10_000);
});

test('a run whose history fills looks no more, says so, and still hears every decision', () =>
  harness.with(world({ revalidate: 200, history: { events: 150, bytes: server.bytes } }), async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    const status = await untilState(handle, 'waiting-for-approval', ({ notes }) =>
      notes.some((note) => note.includes('looks no more')),
    );
    expect(status.notes.filter((note) => note.includes('looks no more'))).toHaveLength(1);
    const { events } = await sizeOf(handle);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await sizeOf(handle)).events).toBe(events);
    // nobody approves on the word of an old look: it validates once more before the cutover
    const before = on.world.count('validate before-swap');
    await approve(handle, 'before-swap', 'database-on-call');
    for (const by of ['database-on-call', 'release-manager'])
      await handle.signal('approve', {
        checkpoint: 'before-swap',
        opening,
        plan: status.planHash,
        by,
        checklist: ['maintenance window announced', 'full backup seen'],
      });
    await gate(handle, 'after-swap');
    expect(on.world.count('validate before-swap')).toBeGreaterThan(before);
  }));

test('an escalation every second becomes one a day while a history fills', () =>
  harness.with(
    world({
      history: { events: 300, bytes: server.bytes },
      checkpoints: [checkpoint('after-swap', { timeout: 300, onTimeout: 'escalate' })],
      hooks: { escalate: 'call-somebody' },
    }),
    async (on) => {
      const handle = await on.phase();
      await gate(handle, 'after-swap');
      const far = ({ checkpoint: at }: { checkpoint: { until: string | null } | null }) =>
        Date.parse(at?.until ?? '') > Date.now() + day - hour;
      await untilState(handle, 'waiting-for-approval', far, 40_000);
      expect((await sizeOf(handle)).events).toBeLessThan(300);
      expect(on.world.count('hook escalate')).toBeGreaterThan(2);
      await approve(handle, 'after-swap');
      expect((await handle.result()).outcome).toBe('done');
    },
  ));

test('slices of map grow while a history fills: a map of weeks stays within it', () => {
  expect(longestSlice(0)).toBe(120_000);
  // a slice is six events; eight ranges at a time
  let [events, seconds] = [0, 0];
  while (events < allowed.events) {
    seconds += longestSlice(events / allowed.events) / 1000;
    events += 8 * 6;
  }
  figure('days of map, eight ranges at a time', Math.round(seconds / 86_400), 'days');
  expect(seconds / 86_400).toBeGreaterThan(28);
  expect(deadlineAfter(60_000, 0.4)).toBe(60_000);
});

test('a map in a history that fills takes longer slices', () => {
  const made = world({ history: { events: 60, bytes: server.bytes }, parallel: 1 });
  made.ranges = [{ table: 'users', range: 1, slices: 9, rows: 100 }];
  made.validations.waiting = [passed];
  return harness.with(made, async (on) => {
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    expect(on.world.log).toContain('mapRange users/1 160000');
    expect((await statusOf(handle)).progress).toMatchObject([{ rowsDone: 100 }]);
  });
});
