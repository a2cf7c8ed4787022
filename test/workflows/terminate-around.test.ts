import type { WorkflowHandle } from '@temporalio/client';
import { approveReal, RealPhases, type Shop } from './real-phases.js';

/** `temporal workflow terminate` in each step of the first phase and of the last one, with its work done and Temporal not yet told. */
const plan = `version: 1
plan: shop
backup: { external: snapshot-of-tonight }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: cleanup, kind: cleanup, mapping: keep, indexes: ['create index concurrently orders_by_person on orders (person_id, id)'] }
`;
const schema = `
create table people (id serial primary key, name text not null unique);
create table orders (id serial primary key, person_id integer not null references people on delete cascade);
insert into people (name) select 'p' || n from generate_series(1, 100) n;
insert into orders (person_id) select n % 100 + 1 from generate_series(1, 200) n;
`;

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(plan, schema);
}, 120_000);
afterAll(() => real.close(), 60_000);

/** Starts the phase, answers its checkpoints, and terminates it when this step has done its work. */
async function terminatedIn(shop: Shop, phase: string, step: string, checkpoints: string[]): Promise<void> {
  const held = real.hold(shop, step, 'after');
  const handle = await real.start('runPhase', shop, phase);
  for (const checkpoint of checkpoints) await approveReal(handle, checkpoint);
  await held.reached;
  await handle.terminate('the test says so');
  held.release();
}

async function toItsEnd(shop: Shop, phase: string, checkpoints: string[]): Promise<WorkflowHandle> {
  const handle = await real.start('runPhase', shop, phase);
  for (const checkpoint of checkpoints) await approveReal(handle, checkpoint);
  expect(await handle.result()).toMatchObject({ outcome: 'done' });
  return handle;
}

async function withoutFoundation(): Promise<Shop> {
  const shop = await real.shop();
  const away = await real.start('rollBackPhase', shop, 'foundation', `${shop.connection}-away`);
  expect(await away.result()).toMatchObject({ outcome: 'rolled-back' });
  return shop;
}

test('terminated in every step, one after the other, and started again each time, foundation comes to its end, and can be undone to the byte', async () => {
  const [shop, other] = [await withoutFoundation(), await withoutFoundation()];
  const untouched = await shop.dump();
  const steps = ['openPhase', 'preflight', 'createFoundation', 'backup', 'restoreDrill', 'measureBaseline'];
  for (const step of [...steps, 'openGate after']) await terminatedIn(shop, 'foundation', step, []);
  await terminatedIn(shop, 'foundation', 'closePhase', ['after']);
  // closed in the database already: there is nothing left to be asked
  await toItsEnd(shop, 'foundation', []);
  await toItsEnd(other, 'foundation', ['after']);
  expect(await shop.dump()).toBe(await other.dump());
  const back = await real.start('rollBackPhase', shop, 'foundation', `${shop.connection}-back`);
  expect(await back.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(untouched);
}, 120_000);

test('terminated in every step, one after the other, and started again each time, cleanup comes to its end, and asks nobody again once it has dropped', async () => {
  const [shop, other] = [await real.shop(), await real.shop()];
  for (const one of [shop, other]) await toItsEnd(one, 'people', ['before-swap', 'after-swap']);
  for (const step of ['openPhase', 'preflight', 'backup', 'openGate before-drop'])
    await terminatedIn(shop, 'cleanup', step, []);
  await terminatedIn(shop, 'cleanup', 'dropLegacy', ['before-drop']);
  for (const step of ['buildIndexes', 'analyzeTables', 'archiveMapping', 'openGate after'])
    await terminatedIn(shop, 'cleanup', step, []);
  await terminatedIn(shop, 'cleanup', 'closePhase', ['after']);
  await toItsEnd(shop, 'cleanup', []);
  await toItsEnd(other, 'cleanup', ['before-drop', 'after']);
  expect(await shop.dump()).toBe(await other.dump());
  const pairs = 'select count(*)::int as pairs from orders o join people p on o.person_id = p.id';
  expect(await shop.database.query(pairs)).toEqual([{ pairs: 200 }]);
}, 120_000);
