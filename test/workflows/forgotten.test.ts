import type { WorkflowHandle } from '@temporalio/client';
import { connectionVariable } from '../../src/postgres/environment.js';
import { rekey } from '../cli/run.js';
import { gate, until } from './harness.js';
import { approveReal, onePhase, peopleAndOrders, RealPhases, type Shop } from './real-phases.js';

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(onePhase, peopleAndOrders);
}, 120_000);
afterAll(() => real.close(), 60_000);

/** What a short retention does: closed workflows are not there any more. */
async function forget(...handles: WorkflowHandle[]): Promise<void> {
  const { namespace } = real.harness.server;
  for (const { workflowId } of handles)
    await real.client.workflowService.deleteWorkflowExecution({
      namespace,
      workflowExecution: { workflowId },
    });
  for (const handle of handles)
    await until(
      () =>
        handle.describe().then(
          () => 'there',
          (error: Error) => error.name,
        ),
      (found) => found === 'WorkflowNotFoundError',
      60_000,
    );
}

function typed(shop: Shop, ...args: string[]) {
  return rekey([...args, shop.connection], {
    [connectionVariable(shop.connection)]: shop.database.ownerUrl,
    TEMPORAL_ADDRESS: real.harness.server.address,
    TEMPORAL_NAMESPACE: real.harness.server.namespace,
  });
}

test('once Temporal has forgotten what is closed, status and doctor, going on and rolling back work from the journal', async () => {
  const shop = await real.shop();
  const dump = await shop.dump();
  const first = await real.start('runPhase', shop, 'people');
  await gate(first, 'before-swap');
  await first.terminate('the test says so');
  await forget(first);
  // half-way, and its owner unknown
  const status = await typed(shop, 'status');
  expect(status.stdout).toMatch(/phase people .*of plan shop: STOPPED/);
  expect(status.stdout).toContain('--type runMigration');
  expect((await typed(shop, 'doctor')).stdout).toContain('phase people is open, and no workflow works on it');
  // under another id: of the owner's there is nothing to be found any more
  const second = await real.start('runPhase', shop, 'people', `${shop.connection}/again`);
  await approveReal(second, 'before-swap');
  await approveReal(second, 'after-swap');
  expect(await second.result()).toMatchObject({ outcome: 'done' });
  await forget(second);
  // done, and forgotten
  expect((await typed(shop, 'status')).stdout).toContain('--type rollBackPhase');
  const back = await real.start('rollBackPhase', shop, 'people');
  expect(await back.result()).toMatchObject({ outcome: 'rolled-back' });
  expect(await shop.dump()).toBe(dump);
}, 120_000);
