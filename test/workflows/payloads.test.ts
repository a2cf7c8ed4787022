import { hazardsStop } from '../../activities/look.js';
import { pageOf } from '../../activities/range-pages.js';
import type { Hazard } from '../../src/errors.js';
import { figure } from '../figures.js';
import { checkpoint, FakeWorld, failure } from './fake-world.js';
import { approve, gate, Harness, parked, statusOf, untilState } from './harness.js';
import { payloadsOf, sizeOf } from './history.js';

/** What Rekey allows itself; the server refuses a payload of 2 MB, and the workflow would hang there for ever. */
const most = 65_536;
/** as long as PostgreSQL lets them be: schema, dot, table */
const tables = Array.from(
  { length: 1_000 },
  (_, at) => `${'a_schema_'.repeat(7)}.${`table_${at}_`.padEnd(63, 'x')}`,
);

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

test('a phase of 1,000 tables puts no payload of more than 64 kB into its history or its migration', async () => {
  const world = new FakeWorld();
  world.brief = { checkpoints: [checkpoint('after-swap')], parallel: 16 };
  world.phases = [{ phase: 'users', kind: 'tables', state: 'new' }];
  world.ranges = tables.map((table) => ({ table, range: 0, slices: 1, rows: 1_000_000 }));
  await harness.with(world, async (on) => {
    const parent = await on.migration();
    await untilState(parent, 'running', ({ step }) => step === 'map');
    const users = on.client.workflow.getHandle(`${parent.workflowId}/users`);
    const opening = await untilState(users, 'waiting-for-approval', () => true, 60_000);
    expect(opening.progress).toHaveLength(1_000);
    expect(on.world.count('planMap')).toBeGreaterThan(1);
    expect(new Set(on.world.log.filter((entry) => entry.startsWith('mapRange'))).size).toBe(1_000);
    await approve(users, 'after-swap');
    await parent.result();
    const found = [...(await payloadsOf(users)), ...(await payloadsOf(parent))];
    const [largest] = found.sort((a, b) => b.bytes - a.bytes);
    expect(largest!.bytes).toBeLessThanOrEqual(most);
    const { events, bytes } = await sizeOf(users);
    figure('largest payload of a phase of 1,000 tables', largest!.bytes, 'bytes');
    figure('events of a phase of 1,000 tables', events, 'events');
    figure('history of a phase of 1,000 tables', bytes, 'bytes');
    // the server ends a run with 51,200 events or 50 MB
    expect(events).toBeLessThan(40_000);
    expect(bytes).toBeLessThan(40_000_000);
  });
}, 120_000);

test('a thousand hazards park the phase with a failure, a memo and details that are within the limits', async () => {
  const hazards: Hazard[] = tables.map((on) => ({
    hazard: 'not-carried-over-yet',
    rank: 'stop',
    on,
    message: `${'an object that names the key '.repeat(5)} ${on}`,
    remedy: `${'take it away '.repeat(8)} ${on}`,
  }));
  const { code, message, remedy } = hazardsStop(hazards);
  const world = new FakeWorld();
  world.fails('preflight', failure('Hazard', code, `${message}. ${remedy}`));
  await harness.with(world, async (on) => {
    const handle = await on.phase();
    await parked(handle, 'preflight');
    expect(JSON.stringify(await statusOf(handle)).length).toBeLessThan(most);
    const [largest] = await payloadsOf(handle);
    expect(largest!.bytes).toBeLessThanOrEqual(most);
    figure('largest payload of a thousand hazards', largest!.bytes, 'bytes');
  });
});

test('a checkpoint with everything that a plan can ask for stays within the limits, and its commands are whole', async () => {
  const world = new FakeWorld();
  const names = Array.from({ length: 50 }, (_, at) => `${'a very long name of a role '.repeat(5)} ${at}`);
  const checklist = Array.from({ length: 50 }, (_, at) => `${'an item of a checklist '.repeat(7)} ${at}`);
  world.brief = {
    checkpoints: [checkpoint('before-swap', { approvals: 50, from: names, checklist, timeout: 3_600_000 })],
  };
  await harness.with(world, async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    const { next } = await statusOf(handle);
    const { planHash: plan } = await statusOf(handle);
    for (const by of names.slice(0, 10))
      await handle.signal('approve', { checkpoint: 'before-swap', opening, plan, by, checklist });
    await untilState(handle, 'waiting-for-approval', ({ checkpoint: at }) => at?.approvals.length === 10);
    expect(next[0]).toMatch(/\}'$/);
    const [largest] = await payloadsOf(handle);
    expect(largest!.bytes).toBeLessThanOrEqual(most);
  });
});

test('ranges are told in pages, each within the limits, together all of them and each once', () => {
  const ranges = tables.flatMap((table) => [0, 1, 2].map((range) => ({ table, range, rows: 123_456_789 })));
  const told = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page = pageOf(ranges, from);
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(most);
    told.push(...page.ranges);
    from = page.next;
  }
  expect(told).toEqual(ranges);
  expect(pageOf([], 0)).toEqual({ ranges: [] });
});
