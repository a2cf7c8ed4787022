import type { WorkflowHandle } from '@temporalio/client';
import { gate } from './harness.js';
import { approveReal, onePhase, peopleAndOrders, RealPhases, type Shop } from './real-phases.js';
import { resetOf, taskThatCalled, to } from './reset.js';

/**
 * A run that has ended and is taken back to its middle still owns the database, as nobody came after it: the journal has
 * the last word on what it may do there.
 */
let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(onePhase, peopleAndOrders);
}, 120_000);
afterAll(() => real.close(), 60_000);

const begun = (shop: Shop) => real.start('runPhase', shop, 'people');

const stateOf = async ({ database }: Shop) => {
  const [row] = await database.query<{ state: string; cut: boolean }>(
    `select state, cut_over as cut from rekey.phase where phase = 'people'`,
  );
  return row;
};

/** Reset to where it called this activity, it ends at once, and says why. */
async function endsAtOnce(handle: WorkflowHandle, activity: string, because: string): Promise<void> {
  const again = await resetOf(real.harness, handle, to.event(await taskThatCalled(handle, activity)));
  await expect(again.result()).rejects.toMatchObject({
    cause: { type: 'NotOwner', message: expect.stringContaining(because) },
  });
}

test.each(['addColumns', 'dropColumns', 'closePhase'])(
  'a phase that was rolled back and is reset to %s goes no way forward, and stays rolled back',
  async (activity) => {
    const shop = await real.shop();
    const dump = await shop.dump();
    const handle = await begun(shop);
    await gate(handle, 'before-swap');
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    if (activity === 'closePhase') {
      const again = await resetOf(real.harness, handle, to.event(await taskThatCalled(handle, activity)));
      expect(await again.result()).toMatchObject({ outcome: 'rolled-back' });
    } else await endsAtOnce(handle, activity, 'phase people is rolled back already');
    expect(await stateOf(shop)).toEqual({ state: 'rolled-back', cut: false });
    expect(await shop.dump()).toBe(dump);
  },
);

test('a phase that was rolled back and is reset to its first task begins anew, as if it were started again', async () => {
  const shop = await real.shop();
  const dump = await shop.dump();
  const handle = await begun(shop);
  const opening = await gate(handle, 'before-swap');
  await handle.cancel();
  await handle.result();
  const again = await resetOf(real.harness, handle, to.first);
  await gate(again, 'before-swap', opening);
  expect(await stateOf(shop)).toEqual({ state: 'open', cut: false });
  await again.cancel();
  expect(await again.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(dump);
});

/** Moved, and to its end. */
async function done(shop: Shop): Promise<WorkflowHandle> {
  const handle = await begun(shop);
  await approveReal(handle, 'before-swap');
  await approveReal(handle, 'after-swap');
  expect(await handle.result()).toMatchObject({ outcome: 'done' });
  return handle;
}

const rollBack = (shop: Shop) =>
  real.start('rollBackPhase', shop, 'people', `${shop.connection}-rollback-people`);

test('a phase that is done and is reset to its middle is done, and can be rolled back', async () => {
  const shop = await real.shop();
  const dump = await shop.dump();
  const handle = await done(shop);
  for (const activity of ['swapKeys', 'addColumns'])
    await endsAtOnce(handle, activity, 'phase people is done already');
  expect(await stateOf(shop)).toEqual({ state: 'done', cut: true });
  expect(await (await rollBack(shop)).result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(dump);
});

test('a rollback that is finished and is reset to its middle undoes nothing a second time, whatever became of the phase', async () => {
  const shop = await real.shop();
  const dump = await shop.dump();
  const first = await done(shop);
  const back = await rollBack(shop);
  expect(await back.result()).toMatchObject({ outcome: 'rolled-back' });
  await endsAtOnce(back, 'swapKeysBack', 'phase people is rolled back already');
  await endsAtOnce(first, 'swapKeys', 'the database belongs to the run');
  expect(await shop.dump()).toBe(dump);
  await done(shop);
  await endsAtOnce(back, 'swapKeysBack', 'the database belongs to the run');
  expect(await stateOf(shop)).toEqual({ state: 'done', cut: true });
});

test('a foundation that was rolled back, its schema with it, and is reset to its middle makes nothing again', async () => {
  const shop = await real.shop();
  const away = await real.start('rollBackPhase', shop, 'foundation', `${shop.connection}-rollback`);
  expect(await away.result()).toMatchObject({ outcome: 'rolled-back' });
  const handle = await real.start('runPhase', shop, 'foundation');
  await gate(handle, 'after');
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  await endsAtOnce(handle, 'createFoundation', 'the schema rekey is gone');
  const schemas = await shop.database.query(`select from pg_catalog.pg_namespace where nspname = 'rekey'`);
  expect(schemas).toHaveLength(0);
});
