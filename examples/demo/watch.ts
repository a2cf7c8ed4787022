import type { Client } from '@temporalio/client';
import type { MigrationStatus } from '../../src/decisions/status.js';

/** Follows a migration by its query `status`, and says what changes. */
export async function watchMigration(
  client: Client,
  workflowId: string,
  on: { change: (status: MigrationStatus) => void; waiting: (status: MigrationStatus) => Promise<void> },
): Promise<MigrationStatus> {
  const handle = client.workflow.getHandle(workflowId);
  let last = '';
  for (;;) {
    const status = await handle.query<MigrationStatus>('status').catch(() => null);
    if (status) {
      const now = JSON.stringify([
        status.phase,
        status.state,
        status.step,
        status.progress,
        status.checkpoint?.opening,
        status.checkpoint?.approvals.length,
      ]);
      if (now !== last) on.change(status);
      last = now;
      if (status.state === 'waiting-for-approval') await on.waiting(status);
      if (status.state === 'parked') await on.waiting(status);
    }
    const { status: execution } = await handle.describe();
    if (execution.name !== 'RUNNING') return status ?? (await handle.query<MigrationStatus>('status'));
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

/** One line a change: phase, step, rows done, rows a second, time left. */
export function lineOf(status: MigrationStatus): string {
  const done = status.progress.reduce((sum, t) => sum + t.rowsDone, 0);
  const total = status.progress.reduce((sum, t) => sum + t.rowsTotal, 0);
  const rate = status.progress.reduce((sum, t) => sum + t.rowsPerSecond, 0);
  const left = Math.max(0, ...status.progress.map((t) => t.secondsLeft ?? 0));
  const figures =
    status.step === 'map' && total > 0
      ? `  ${done.toLocaleString('en')} of ${total.toLocaleString('en')} rows, ${rate.toLocaleString('en')} rows/s, ${left} s left`
      : '';
  const what =
    status.state === 'running'
      ? (status.step ?? '')
      : `${status.state}${status.step ? ` (${status.step})` : ''}`;
  return `${status.phase.padEnd(14)} ${what}${figures}`;
}
