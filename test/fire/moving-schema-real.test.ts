import type { WorkflowHandle } from '@temporalio/client';
import type { Status } from '../../src/decisions/status.js';
import { gate, statusOf, until } from '../workflows/harness.js';
import { approveReal, hashOf, RealPhases, type Shop } from '../workflows/real-phases.js';

/** What others do to a schema while a phase waits for days, seen by Temporal and PostgreSQL together. */
const plan = `version: 1
plan: shop
twins: late
backup: { external: snapshot-of-tonight }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people, orders] }
  - { phase: cleanup, kind: cleanup }
`;
const schema = `
create table people (id serial primary key, boss_id integer references people, name text not null, title varchar(20));
create table orders (id serial primary key, person_id integer not null references people, no integer not null, unique (person_id, no));
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
insert into people (boss_id, name) select nullif(n / 3, 0), 'p' || n from generate_series(1, 100) n;
insert into orders (person_id, no) select n % 100 + 1, n from generate_series(1, 200) n;
`;

/** They name no key. */
const along = `alter table people add phone text; create index people_name on people (name);
  alter table orders add constraint few check (no < 100000); create view names as select name from people;`;

/** [the change, how it is taken back, its name in what the operator reads] */
type Change = [change: string, undo: string, named: string];
const atCheckpoint: Change[] = [
  ['create index more on orders (person_id)', 'drop index more', 'more'],
  [
    'create table replies (person_id integer constraint back references people)',
    'drop table replies',
    'back',
  ],
  [
    'create trigger keyed before update of boss_id on people for each row execute function touch()',
    'drop trigger keyed on people',
    'keyed',
  ],
  ['create view keys as select id from people', 'drop view keys', 'keys'],
  [
    'create table parts (like orders) partition by range (no); alter table parts attach partition orders for values from (1) to (100000)',
    'alter table parts detach partition orders; drop table parts',
    'orders',
  ],
  [
    'alter table people alter boss_id type bigint',
    'alter table people alter boss_id type integer',
    'boss_id',
  ],
];

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(plan, schema);
}, 120_000);
afterAll(() => real.close(), 60_000);

const keyType = async ({ database }: Shop) =>
  (await database.query<{ type: string }>('select pg_typeof(id)::text as type from people limit 1'))[0]?.type;

const uniqueTwins = ({ database }: Shop) =>
  database.query(`select 1 from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indisunique and c.relname like 'orders_person_id_no_key_%'`);

/** Asks until it is so. What fails in validation voids the approval: each opening of the gate is approved once. */
async function follow(handle: WorkflowHandle, so: (status: Status) => boolean): Promise<Status> {
  const approved = new Set<number>();
  return until(
    async () => {
      const status = await statusOf(handle);
      const { checkpoint, planHash } = status;
      if (checkpoint?.name === 'before-swap' && !approved.has(checkpoint.opening)) {
        approved.add(checkpoint.opening);
        const { name, opening } = checkpoint;
        await handle.signal('approve', { checkpoint: name, opening, plan: planHash, by: 'ann' });
      }
      return status;
    },
    so,
    30_000,
  );
}

const parkedFor = (handle: WorkflowHandle, step: RegExp, named: string): Promise<Status> =>
  follow(
    handle,
    ({ state, failure }) =>
      state === 'parked' && step.test(failure?.step ?? '') && (failure?.message ?? '').includes(named),
  );

async function retry(handle: WorkflowHandle, { next, failure }: Status): Promise<void> {
  const opening = Number(/"opening":(\d+)/.exec(next.join('\n'))?.[1]);
  await handle.signal('resolve', {
    step: failure?.step,
    opening,
    plan: await hashOf(handle),
    action: 'retry',
    by: 'ann',
  });
}

test('what moves during a checkpoint, after the cutover and before cleanup parks the phase with its name and nothing half-done, goes on when it is taken back, and what names no key goes along; unique twins come after the approval', async () => {
  const [shop, control] = [await real.shop(), await real.shop()];
  const { query } = shop.database;
  const before = await real.start('runPhase', shop, 'people');
  await gate(before, 'before-swap');
  expect(await uniqueTwins(shop)).toEqual([]);
  for (const one of [shop, control]) await one.database.query(along);
  const [first] = atCheckpoint as [Change];
  await query(first[0]);
  for (const [i, [, undo, named]] of atCheckpoint.entries()) {
    // validation before the swap sees what has no twin, the swap what else is not as it was
    const status = await parkedFor(before, /^(validate|swapKeys)$/, named);
    expect(status.failure?.code).toMatch(/^(validate\.failed|schema\.moved)$/);
    expect(status.wayBack).toMatchObject({ open: true });
    expect(await keyType(shop)).toBe('integer');
    // those that the approval let in
    expect(await uniqueTwins(shop)).not.toEqual([]);
    await query(undo);
    const next = atCheckpoint[i + 1];
    if (next) await query(next[0]);
    await retry(before, status);
  }
  const { checkpoint } = await follow(before, (status) => status.checkpoint?.name === 'after-swap');
  const opening = checkpoint?.opening;
  expect(await keyType(shop)).toBe('uuid');

  await query('create table replies (person_id uuid constraint back references people)');
  const reject = {
    checkpoint: 'after-swap',
    opening,
    plan: await hashOf(before),
    by: 'ann',
    reason: 'not today',
  };
  await before.signal('reject', reject);
  const closed = await parkedFor(before, /^swapKeysBack$/, 'constraint back on replies');
  expect(closed.wayBack.open).toBe(false);
  expect(await keyType(shop)).toBe('uuid');
  await query('drop table replies');
  await retry(before, closed);
  expect(await before.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(await control.dump());

  const again = await real.start('runPhase', shop, 'people');
  await approveReal(again, 'before-swap');
  await approveReal(again, 'after-swap');
  expect(await again.result()).toMatchObject({ outcome: 'done' });
  const cleanup = await real.start('runPhase', shop, 'cleanup');
  await gate(cleanup, 'before-drop');
  await query('create view old as select legacy_id from people');
  await approveReal(cleanup, 'before-drop');
  const stopped = await parkedFor(cleanup, /^dropLegacy$/, 'public.old needs');
  expect(await query('select count(legacy_id)::int as n from people')).toEqual([{ n: 100 }]);
  await query('drop view old');
  await retry(cleanup, stopped);
  await approveReal(cleanup, 'after');
  expect(await cleanup.result()).toMatchObject({ outcome: 'done' });
  const pairs = 'select count(*)::int as n from orders o join people p on p.id = o.person_id';
  expect(await query(pairs)).toEqual([{ n: 200 }]);
}, 120_000);
