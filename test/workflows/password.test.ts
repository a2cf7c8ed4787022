import type { WorkflowHandle } from '@temporalio/client';
import { connectionVariable } from '../../src/postgres/environment.js';
import { gate, statusOf, until, untilState } from './harness.js';
import { hashOf, onePhase, peopleAndOrders, RealPhases, type Shop } from './real-phases.js';

describe('Decisions that come while the worker is refused by the database', () => {
  let real: RealPhases;

  beforeAll(async () => {
    real = await RealPhases.open(onePhase, peopleAndOrders);
  }, 120_000);
  afterAll(() => real.close(), 60_000);

  const refused = ({ connection, database }: Shop) => {
    const wrong = new URL(database.ownerUrl);
    wrong.username = 'changed_since';
    real.environment(connectionVariable(connection), wrong.href);
  };
  const accepted = ({ connection, database }: Shop) =>
    real.environment(connectionVariable(connection), database.ownerUrl);

  /** Each step that was to run meanwhile has parked. */
  async function retryUntil(handle: WorkflowHandle, checkpoint: string): Promise<void> {
    await until(
      async () => {
        const { state, failure, next, planHash, checkpoint: at } = await statusOf(handle);
        const opening = Number(/"opening":(\d+)/.exec(next[0] ?? '')?.[1]);
        if (state === 'parked')
          await handle.signal('resolve', {
            step: failure?.step,
            opening,
            plan: planHash,
            action: 'retry',
            by: 'bob',
          });
        return state === 'waiting-for-approval' && at?.name === checkpoint;
      },
      (there) => there,
    );
  }

  it('are in its journal before the step that they allow runs: an approval is never lost', async () => {
    const shop = await real.shop();
    const handle = await real.start('runPhase', shop, 'people');
    const opening = await gate(handle, 'before-swap');
    refused(shop);
    const plan = await hashOf(handle);
    await handle.signal('approve', { checkpoint: 'before-swap', opening, plan, by: 'ann', reason: 'go' });
    const { failure } = await untilState(handle, 'parked');
    expect(failure?.code).toBe('connection.refused');
    accepted(shop);
    await retryUntil(handle, 'after-swap');
    const decisions = await shop.database.query<{ id: number; decision: string; by: string }>(
      `select decision, by from rekey.decision where checkpoint <> 'after' order by id`,
    );
    expect(decisions[0]).toEqual({ decision: 'approve', by: 'ann' });
    expect(decisions.slice(1).map(({ decision }) => decision)).toContain('resolve: retry');
  }, 60_000);

  it('count when it takes the worker again: a phase that was resumed is not held for ever', async () => {
    const shop = await real.shop();
    const held = real.hold(shop, 'addColumns', 'after');
    const handle = await real.start('runPhase', shop, 'people');
    await held.reached;
    await handle.signal('pause', { by: 'ann' });
    await until(
      () => shop.database.query<{ paused: boolean }>('select paused from rekey.pause'),
      ([row]) => row?.paused === true,
    );
    held.release();
    await untilState(handle, 'paused');
    refused(shop);
    await handle.signal('resume', { by: 'ann' });
    await untilState(handle, 'parked');
    accepted(shop);
    await retryUntil(handle, 'before-swap');
    expect(await shop.database.query('select paused from rekey.pause')).toEqual([{ paused: false }]);
  }, 60_000);
});
