import { gate, until } from './harness.js';
import { onePhase, peopleAndOrders, RealPhases } from './real-phases.js';

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(onePhase, peopleAndOrders);
}, 120_000);
afterAll(() => real.close(), 60_000);

test('restarts of workers, pauses of the activity and lost heartbeats, five in all, use up no retry and leave no failure', async () => {
  const shop = await real.shop();
  let held = real.hold(shop, 'buildTwins', 'before');
  const handle = await real.start('runPhase', shop, 'people');
  await held.reached;
  const attempts = async () =>
    (await handle.describe()).raw.pendingActivities?.find(
      ({ activityType }) => activityType?.name === 'buildTwins',
    )?.attempt ?? 0;
  for (let restart = 0; restart < 3; restart += 1) {
    await real.rest();
    held = real.hold(shop, 'buildTwins', restart === 2 ? 'silent' : 'before');
    await real.work();
    await held.reached;
  }
  // the one that says nothing is given up for dead after ten seconds, and tried again
  const silent = held;
  held = real.hold(shop, 'buildTwins', 'before');
  await held.reached;
  const { pendingActivities } = (await handle.describe()).raw;
  const activityId =
    pendingActivities?.find(({ activityType }) => activityType?.name === 'buildTwins')?.activityId ?? '';
  for (let pause = 0; pause < 1; pause += 1) {
    const on = ['--workflow-id', handle.workflowId, '--activity-id', activityId];
    await real.harness.cli('activity', 'pause', ...on);
    const next = real.hold(shop, 'buildTwins', 'before');
    held.release();
    await until(attempts, (count) => count > 0);
    await real.harness.cli('activity', 'unpause', ...on);
    await Promise.race([next.reached, gate(handle, 'before-swap')]);
    held = next;
  }
  held.release();
  silent.release();
  await gate(handle, 'before-swap');
  const parked = `select count(*)::int as parked from rekey.opening where parked`;
  const failures = `select count(*)::int as failures from rekey.journal where kind = 'failure'`;
  expect(await shop.database.query(parked)).toEqual([{ parked: 0 }]);
  expect(await shop.database.query(failures)).toEqual([{ failures: 0 }]);
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
}, 120_000);

test('a worker of another version, which lacks activities that the phase calls, holds the phase up and does no harm', async () => {
  const shop = await real.shop();
  const held = real.hold(shop, 'addColumns', 'after');
  const handle = await real.start('runPhase', shop, 'people');
  await held.reached;
  await real.rest();
  const lacking = await real.lacking(['addColumns', 'buildTwins']);
  const tries = async (name: string) => {
    const { pendingActivities } = (await handle.describe()).raw;
    return pendingActivities?.find(({ activityType }) => activityType?.name === name);
  };
  await until(
    () => tries('addColumns'),
    (pending) => /not registered/.test(pending?.lastFailure?.message ?? ''),
    30_000,
  );
  await lacking.stop();
  held.release();
  await real.work();
  await gate(handle, 'before-swap');
  expect(await shop.database.query(`select from rekey.opening where parked`)).toEqual([]);
  expect(await shop.database.query(`select from rekey.journal where kind = 'failure'`)).toEqual([]);
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
}, 120_000);
