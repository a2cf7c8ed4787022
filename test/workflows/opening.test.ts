import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gate, until } from './harness.js';
import { approveReal, onePhase, peopleAndOrders, RealPhases, type Shop } from './real-phases.js';

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(onePhase, peopleAndOrders);
}, 120_000);
afterAll(() => real.close(), 60_000);

const people = async ({ database }: Shop) =>
  (
    await database.query<{ state: string; finished_at: Date | null }>(
      `select state, finished_at from rekey.phase where phase = 'people'`,
    )
  )[0];

test('a phase that is cancelled when its opening is done and not answered is not open, and may be changed and started again', async () => {
  const shop = await real.shop();
  const { reached } = real.hold(shop, 'openPhase', 'after');
  const first = await real.start('runPhase', shop, 'people');
  await reached;
  expect(await people(shop)).toMatchObject({ state: 'open' });
  await first.cancel();
  expect(await first.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await people(shop)).toMatchObject({ state: 'rolled-back' });
  // an open phase may not
  const plan = join(process.env.REKEY_PLANS as string, 'shop.yaml');
  writeFileSync(
    plan,
    onePhase.replace('tables: [people]', 'tables: [people], checkpoints: { before-swap: { approvals: 2 } }'),
  );
  try {
    const second = await real.start('runPhase', shop, 'people');
    await gate(second, 'before-swap');
    await second.cancel();
    expect(await second.result()).toMatchObject({ outcome: 'rolled-back' });
  } finally {
    writeFileSync(plan, onePhase);
  }
}, 90_000);

test('a cancel ends an opening that hangs in the database, and the next start finds nothing in its way', async () => {
  const shop = await real.shop();
  // longer than anybody who cancels should have to wait; what was let go on would write its row
  await shop.database.query(`create function hang() returns trigger language plpgsql as
      $$ begin perform pg_sleep(25); return new; end $$;
    create trigger hang before insert on rekey.phase for each row execute function hang()`);
  const first = await real.start('runPhase', shop, 'people');
  await until(
    () =>
      shop.database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
      ),
    (hanging) => hanging.length === 1,
  );
  await first.cancel();
  expect(await first.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await people(shop)).toBeUndefined();
  await shop.database.query('drop function hang() cascade');
  const second = await real.start('runPhase', shop, 'people');
  await approveReal(second, 'before-swap');
  await approveReal(second, 'after-swap');
  expect(await second.result()).toMatchObject({ outcome: 'done' });
  // the same for a rollback that is cancelled before it has undone anything: the phase is done, since when it was
  const done = await people(shop);
  const { reached } = real.hold(shop, 'openRollBack', 'after');
  const back = await real.start('rollBackPhase', shop, 'people', `${shop.connection}/back`);
  await reached;
  expect(await people(shop)).toMatchObject({ state: 'open', finished_at: null });
  await back.cancel();
  await expect(back.result()).rejects.toThrow();
  expect(await people(shop)).toEqual(done);
}, 90_000);
