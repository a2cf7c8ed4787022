import type { WorkflowHandle } from '@temporalio/client';
import type { Status } from '../../src/decisions/status.js';
import { gate, statusOf, until, untilState } from './harness.js';
import { approveReal, hashOf, RealPhases, type Shop } from './real-phases.js';
import { resetOf, taskBefore, taskThatCalled, to } from './reset.js';

/** `temporal workflow reset` of real phases: the past is replayed up to a point, signals come again, the database stays as it is. */
const plan = `version: 1
plan: shop
backup: { external: snapshot-of-tonight }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: orders, tables: [orders] }
`;
const schema = `
create table people (id serial primary key, boss_id integer references people, name text not null unique);
create table orders (id serial primary key, person_id integer not null references people on delete cascade);
insert into people (boss_id, name) select nullif(n / 3, 0), 'p' || n from generate_series(1, 100) n;
insert into orders (person_id) select n % 100 + 1 from generate_series(1, 200) n;
`;

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(plan, schema);
}, 120_000);
afterAll(() => real.close(), 60_000);

const reset = (handle: WorkflowHandle, where: string[]) => resetOf(real.harness, handle, where);

const decisions = ({ database }: Shop) =>
  database.query<{ checkpoint: string; verdict: string; opening: number }>(
    `select checkpoint, verdict, opening::float8 as opening from rekey.decision where phase <> 'foundation' order by id`,
  );
const stateOf = async ({ database }: Shop, phase: string) =>
  (
    await database.query<{ state: string; cut: boolean }>(
      `select state, cut_over as cut from rekey.phase where phase = $1`,
      [phase],
    )
  )[0];
const begun = (shop: Shop) => real.start('runPhase', shop, 'people');

test('reset at a checkpoint: the opening stays the same, who has approved is remembered, and one approval opens it', async () => {
  const shop = await real.shop();
  const handle = await begun(shop);
  const opening = await gate(handle, 'before-swap');
  const again = await reset(handle, to.last);
  expect(await gate(again, 'before-swap')).toBe(opening);
  await approveReal(again, 'before-swap');
  await approveReal(again, 'after-swap');
  expect(await again.result()).toMatchObject({ outcome: 'done' });
});

test('reset to the first task at a checkpoint: old approvals open nothing, in the journal as in the workflow', async () => {
  const shop = await real.shop();
  const handle = await begun(shop);
  const opening = await gate(handle, 'before-swap');
  const plan = await hashOf(handle);
  const again = await reset(handle, to.first);
  const newer = await gate(again, 'before-swap', opening);
  await again.signal('approve', { checkpoint: 'before-swap', opening, plan, by: 'ann' });
  await until(
    () => decisions(shop),
    (rows) => rows.some(({ verdict }) => verdict.startsWith('late')),
  );
  await again.signal('approve', { checkpoint: 'before-swap', opening: newer, plan, by: 'ann' });
  await gate(again, 'after-swap');
});

/** Keys are swapped in the database, and a workflow that waits in front of the cutover knows nothing of it. */
async function behindItself(shop: Shop): Promise<WorkflowHandle> {
  const handle = await begun(shop);
  await approveReal(handle, 'before-swap');
  await gate(handle, 'after-swap');
  const again = await reset(handle, to.event(await taskBefore(handle, 'approve')));
  await gate(again, 'before-swap');
  return again;
}

test('reset to before the approval, after the cutover: status tells of the way back as the database has it, after a second reset and for the next worker, too', async () => {
  const shop = await real.shop();
  const again = await behindItself(shop);
  // a worker that is starting answers no query yet
  const tells = async (handle: WorkflowHandle, because: RegExp): Promise<Partial<Status>> =>
    until(
      () => statusOf(handle).catch((): Partial<Status> => ({})),
      ({ wayBack }) => because.test(wayBack?.because ?? ''),
      60_000,
    );
  // it waits in front of the cutover, as far as it remembers
  expect((await tells(again, /legacy columns are kept in step/)).step).toBe('before-swap');
  await real.rest();
  await real.work();
  await tells(again, /legacy columns are kept in step/);
  await shop.database.query('create table badges (id serial primary key, person_id uuid references people)');
  const third = await reset(again, to.last);
  const closed = await tells(third, /new: .*badges/);
  expect(closed).toMatchObject({ step: 'before-swap', wayBack: { open: false } });
  await real.rest();
  await real.work();
  expect((await tells(third, /new: .*badges/)).step).toBe('before-swap');
  await shop.database.query('drop table badges');
  await third.cancel();
  expect(await third.result()).toMatchObject({
    outcome: 'rolled-back',
  });
  expect((await statusOf(third)).wayBack).toEqual({ open: true, because: 'no key of this phase is swapped' });
}, 120_000);

test('reset to before the approval, after the cutover: nothing is swapped twice, and the phase comes to its end', async () => {
  const shop = await real.shop();
  const again = await behindItself(shop);
  await approveReal(again, 'before-swap');
  expect(await stateOf(shop, 'people')).toEqual({ state: 'open', cut: true });
  await approveReal(again, 'after-swap');
  expect(await again.result()).toMatchObject({ outcome: 'done' });
  const swaps = `select count(*)::int as swaps from rekey.journal where step = 'swapKeys' and kind = 'locks'`;
  const undisturbed = await real.shop();
  const handle = await begun(undisturbed);
  await approveReal(handle, 'before-swap');
  await gate(handle, 'after-swap');
  expect(await shop.database.query(swaps)).toEqual(await undisturbed.database.query(swaps));
});

test.each(['cancelled', 'rejected'])(
  'reset to before the approval, after the cutover, then %s: the keys are swapped back before anything is dropped',
  async (how) => {
    const shop = await real.shop();
    const dump = await shop.dump();
    const again = await behindItself(shop);
    if (how === 'cancelled') await again.cancel();
    else {
      const opening = await gate(again, 'before-swap');
      const plan = await hashOf(again);
      await again.signal('reject', { checkpoint: 'before-swap', opening, plan, by: 'ann' });
    }
    expect(await again.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(await shop.dump()).toBe(dump);
  },
);

test.each(['map is done', 'the keys are swapped'])(
  'reset to preflight when %s, then cancelled: what the earlier run did is undone, and not called rolled back only',
  async (when) => {
    const shop = await real.shop();
    const dump = await shop.dump();
    const handle = await begun(shop);
    if (when === 'the keys are swapped') await approveReal(handle, 'before-swap');
    await gate(handle, when === 'the keys are swapped' ? 'after-swap' : 'before-swap');
    const held = real.hold(shop, 'preflight', 'before');
    const again = await reset(handle, to.event(await taskThatCalled(handle, 'preflight')));
    await held.reached;
    await again.cancel();
    expect(await again.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(await shop.dump()).toBe(dump);
  },
);

test('terminated after map, started again and cancelled at once: the columns of the first run are gone', async () => {
  const shop = await real.shop();
  const dump = await shop.dump();
  const handle = await begun(shop);
  await gate(handle, 'before-swap');
  await handle.terminate('the test says so');
  const held = real.hold(shop, 'preflight', 'before');
  const again = await begun(shop);
  await held.reached;
  await again.cancel();
  expect(await again.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(dump);
});

test('reset to the first task after the cutover goes on behind it', async () => {
  const shop = await real.shop();
  const handle = await begun(shop);
  await approveReal(handle, 'before-swap');
  const opening = await gate(handle, 'after-swap');
  const again = await reset(handle, to.first);
  await gate(again, 'after-swap', opening);
  expect(await stateOf(shop, 'people')).toEqual({ state: 'open', cut: true });
  await again.cancel();
  expect(await again.result()).toMatchObject({ outcome: 'rolled-back' });
});

test('reset of a phase that is done, while the next one waits: it changes nothing, and the next one goes on', async () => {
  const shop = await real.shop();
  const parent = await real.start('runMigration', shop, null);
  const people = real.client.workflow.getHandle(`${parent.workflowId}/people`);
  const orders = real.client.workflow.getHandle(`${parent.workflowId}/orders`);
  await until(
    () =>
      people.describe().then(
        () => true,
        () => false,
      ),
    Boolean,
  );
  await approveReal(people, 'before-swap');
  await approveReal(people, 'after-swap');
  await until(
    () =>
      orders.describe().then(
        () => true,
        () => false,
      ),
    Boolean,
  );
  const opening = await gate(orders, 'before-swap');
  for (const where of [to.first, to.last]) {
    const again = await reset(people, where);
    await expect(again.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining(`the run ${orders.workflowId} owns this database`) },
    });
    expect(await stateOf(shop, 'people')).toEqual({ state: 'done', cut: true });
  }
  expect(await gate(orders, 'before-swap')).toBe(opening);
  await approveReal(orders, 'before-swap');
  await approveReal(orders, 'after-swap');
  expect(await parent.result()).toMatchObject({ outcome: 'done' });
  await untilState(parent, 'done');
});
