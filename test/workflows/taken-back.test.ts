import { Client } from 'pg';
import { founded, onlyPeople } from '../fire/founded.js';
import { sharedPostgres } from '../servers.js';
import { gate, parked, statusOf, until } from './harness.js';
import { approveReal, hashOf, onePhase, peopleAndOrders, RealPhases, type Shop } from './real-phases.js';

const withCleanup = `${onlyPeople}  - { phase: cleanup, kind: cleanup }\n`;

describe('A database that a failover takes back to before the cutover', () => {
  let real: RealPhases;
  let admin: Client;

  beforeAll(async () => {
    real = await RealPhases.open(onePhase, peopleAndOrders);
    admin = new Client({ connectionString: (await sharedPostgres(18)).superuserUrl });
    await admin.connect();
  }, 120_000);
  afterAll(async () => {
    await admin?.end();
    await real.close();
  }, 60_000);

  const alone = ({ database }: Shop) =>
    until(
      () =>
        admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database.name}'`,
        ),
      ({ rowCount }) => rowCount === 0,
    );

  it('while its approval is waited for is never called done: it parks, says what it means, and goes back and forward again', async () => {
    const shop = await real.shop();
    const { name } = shop.database;
    const before = await shop.dump();
    const handle = await real.start('runPhase', shop, 'people');
    await gate(handle, 'before-swap');
    await alone(shop);
    // what a standby has that lags behind by the cutover
    await admin.query(`create database ${name}_standby template ${name} owner rekey_owner`);
    await approveReal(handle, 'before-swap');
    const opening = await gate(handle, 'after-swap');
    await admin.query(`alter database ${name} allow_connections false`);
    await alone(shop);
    await admin.query(`drop database ${name}`);
    await admin.query(`alter database ${name}_standby rename to ${name}`);

    await handle.signal('approve', {
      checkpoint: 'after-swap',
      opening,
      plan: await hashOf(handle),
      by: 'ann',
    });
    const { failure } = await parked(handle, 'closePhase');
    expect(failure?.code).toBe('phase.taken-back');
    expect(failure?.remedy).toMatch(/wrong server.*retry.*rollback, then start the plan again/);
    await resolve(handle, 'retry');
    await resolve(handle, 'rollback');
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
    expect(await shop.dump()).toBe(before);

    const again = await real.start('runPhase', shop, 'people', `${shop.connection}/again`);
    await approveReal(again, 'before-swap');
    await approveReal(again, 'after-swap');
    expect(await again.result()).toMatchObject({ outcome: 'done' });
    expect(await shop.database.query('select pg_typeof(id)::text as type from people limit 1')).toEqual([
      { type: 'uuid' },
    ]);
  }, 120_000);

  /** The first of its commands has the number of the parking in it. */
  async function resolve(handle: Parameters<typeof statusOf>[0], action: string): Promise<void> {
    const { next, planHash } = await parked(handle, 'closePhase');
    const opening = Number(/"opening":(\d+)/.exec(next[0] ?? '')?.[1]);
    await handle.signal('resolve', { step: 'closePhase', opening, plan: planHash, action, by: 'ann' });
    await until(
      () => statusOf(handle),
      (status) => !status.next.some((command) => command.includes(`"opening":${opening}`)),
    );
  }
});

describe('A database that is taken back to before the last drop of cleanup', () => {
  const at = founded(withCleanup, (database) => database.sql('create table people (id serial primary key)'));

  it('is not called clean', async () => {
    await at.run.forward('people');
    at.run.caller = async ({ phase, activity, call }) => {
      if (phase === 'cleanup' && activity === 'closePhase')
        await at.database.sql(`update rekey.member set state = 'cut-over' where phase = 'people'`);
      return call();
    };
    await expect(at.run.forward('cleanup')).rejects.toMatchObject({ code: 'phase.taken-back' });
  }, 60_000);
});
