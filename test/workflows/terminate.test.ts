import { statusOf, until } from './harness.js';
import { approveReal, RealPhases, type Shop } from './real-phases.js';

/** `temporal workflow terminate` in each step, with its work done and Temporal not yet told: the worst moment. */
const plan = `version: 1
plan: shop
backup: { external: snapshot-of-tonight }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
`;
const schema = `
create table people (id serial primary key, boss_id integer references people, name text not null unique);
create table orders (id serial primary key, person_id integer not null references people on delete cascade);
insert into people (boss_id, name) select nullif(n / 3, 0), 'p' || n from generate_series(1, 200) n;
insert into orders (person_id) select n % 200 + 1 from generate_series(1, 400) n;
`;

const before = [
  'openPhase',
  'preflight',
  'backup',
  'addColumns',
  'planMap',
  'mapRange',
  'finishMap',
  'buildTwins',
  'validate before-swap',
  'openGate before-swap',
] as const;
const after = ['swapKeys', 'validate after-swap', 'openGate after-swap'] as const;
const back = [
  'openRollBack',
  'swapKeysBack',
  'dropTwins',
  'unmap',
  'dropColumns',
  'validate after-rollback',
] as const;

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(plan, schema);
}, 120_000);
afterAll(() => real.close(), 60_000);

/** Starts a workflow, and terminates it when this step has done its work. */
async function terminatedIn(shop: Shop, type: string, step: string): Promise<void> {
  const held = real.hold(shop, step, 'after');
  const handle = await real.start(type, shop, 'people');
  if (after.some((one) => one === step) && !(await isSwapped(shop))) await approveReal(handle, 'before-swap');
  await held.reached;
  await handle.terminate('the test says so');
  held.release();
}

async function isSwapped({ database }: Shop): Promise<boolean> {
  const [row] = await database.query<{ type: string }>(
    'select pg_typeof(id)::text as type from people limit 1',
  );
  return row?.type === 'uuid';
}

async function forward(shop: Shop): Promise<unknown> {
  const handle = await real.start('runPhase', shop, 'people');
  if (!(await isSwapped(shop))) await approveReal(handle, 'before-swap');
  await approveReal(handle, 'after-swap');
  return handle.result();
}

test('terminated in every step, one after the other, and started again each time, a phase comes to its end', async () => {
  const [shop, other] = [await real.shop(), await real.shop()];
  for (const step of [...before, ...after]) await terminatedIn(shop, 'runPhase', step);
  expect(await forward(shop)).toMatchObject({ outcome: 'done' });
  expect(await forward(other)).toMatchObject({ outcome: 'done' });
  expect(await shop.dump()).toBe(await other.dump());
  // every row paired as before, by old ids and by new ones
  const pairs = `select count(*)::int as pairs from orders o join people p on o.person_id = p.id and o.legacy_person_id = p.legacy_id`;
  expect(await shop.database.query(pairs)).toEqual([{ pairs: 400 }]);
}, 120_000);

interface Round {
  outcome: unknown;
  dump: string;
  rows: unknown;
}

/** Terminated in this step, then undone by rollBackPhase. */
async function roundOf(step: string): Promise<Round> {
  const shop = await real.shop();
  await terminatedIn(shop, 'runPhase', step);
  const back = await real.start('rollBackPhase', shop, 'people', `${shop.connection}-rollback`);
  const outcome = await back.result();
  const rows = await shop.database.query('select count(*)::int as rows from people');
  return { outcome, rows, dump: await shop.dump() };
}

describe('a phase that was terminated goes back by rollBackPhase, to the byte:', () => {
  const rounds = new Map<string, Promise<Round>>();
  let untouched: string;
  beforeAll(async () => {
    untouched = await (await real.shop()).dump();
    const waiting = [...before, ...after] as string[];
    // some at a time: they wait more than they compute
    let turn: Promise<unknown>[] = [];
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const round = roundOf(step);
      round.catch(() => undefined);
      rounds.set(step, round);
      turn.push(round.catch(() => undefined));
      if (turn.length === 5) {
        await Promise.all(turn);
        turn = [];
      }
    }
  }, 120_000);

  test.each([...before, ...after])('terminated in %s', async (step) => {
    expect(await rounds.get(step)).toEqual({
      outcome: expect.objectContaining({ outcome: 'rolled-back' }),
      rows: [{ rows: 200 }],
      dump: untouched,
    });
  });
});

test('a rollback terminated in every step, and started again each time, comes to its end, to the byte', async () => {
  const shop = await real.shop();
  const dump = await shop.dump();
  await forward(shop);
  for (const step of back) await terminatedIn(shop, 'rollBackPhase', step);
  const last = await real.start('rollBackPhase', shop, 'people');
  expect(await last.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(dump);
}, 120_000);

test('a migration that is started again beside its waiting phase shows what that waits for, and what to type', async () => {
  const shop = await real.shop();
  const first = await real.start('runMigration', shop, null);
  const people = real.client.workflow.getHandle(`${shop.connection}/people`);
  const waiting = await until(
    () => statusOf(first),
    ({ checkpoint }) => checkpoint?.name === 'before-swap',
  );
  await first.terminate('the test says so');
  const again = await real.start('runMigration', shop, null);
  // the phase has nothing new to tell: whoever asks the migration must not have to know its id
  const status = await until(
    () => statusOf(again),
    ({ checkpoint }) => checkpoint !== null,
  );
  expect(status).toMatchObject({ state: 'waiting-for-approval', phase: 'people', next: waiting.next });
  expect(status.next[0]).toContain(`--workflow-id ${people.workflowId} --name approve`);
  expect(status.wayBack).toEqual(waiting.wayBack);
  await approveReal(people, 'before-swap');
  await approveReal(people, 'after-swap');
  expect(await again.result()).toMatchObject({ outcome: 'done' });
}, 120_000);
