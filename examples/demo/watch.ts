import type { Client } from '@temporalio/client';
import type { MigrationStatus, Status } from '../../src/decisions/status.js';

/** ms between two looks at a migration. */
const every = 400;
/** ms between two lines about rows: a fast phase would print one a table otherwise. */
const quiet = 2_000;

/** Follows a migration by its query `status`, and says what changes. */
export async function watchMigration(
  client: Client,
  workflowId: string,
  on: { change: (status: MigrationStatus) => void; waiting: (status: MigrationStatus) => Promise<void> },
): Promise<{ status: MigrationStatus; ended: string }> {
  const handle = client.workflow.getHandle(workflowId);
  let last = '';
  let lastRows = '';
  let saidRows = 0;
  for (;;) {
    const status = await lookAt(client, workflowId);
    if (status) {
      const { phase, state, step, progress, checkpoint } = status;
      const now = JSON.stringify([phase, state, step, checkpoint?.opening, checkpoint?.approvals.length]);
      const rows = JSON.stringify([phase, step === 'map' ? progress : null]);
      if (now !== last || (rows !== lastRows && Date.now() - saidRows >= quiet)) {
        on.change(status);
        saidRows = Date.now();
        lastRows = rows;
      }
      last = now;
      if (state === 'waiting-for-approval' || state === 'parked') await on.waiting(status);
    }
    const { status: execution } = await handle.describe();
    if (execution.name !== 'RUNNING') {
      const final = (await lookAt(client, workflowId)) ?? (await handle.query<MigrationStatus>('status'));
      return { status: final, ended: execution.name };
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

/** Null where no worker answers. How far `map` is, the phase knows better: it tells its parent of rows every 30 s at most. */
async function lookAt(client: Client, workflowId: string): Promise<MigrationStatus | null> {
  const query = <S extends Status>(id: string) =>
    client.workflow
      .getHandle(id)
      .query<S>('status')
      .catch(() => null);
  const status = await query<MigrationStatus>(workflowId);
  if (status?.step !== 'map') return status;
  const child = await query<Status>(`${workflowId}/${status.phase}`);
  return child?.step === 'map' ? { ...status, progress: child.progress } : status;
}

/** One line a change: phase, step, rows done, rows a second, time left. Null where there is nothing to say yet. */
export function lineOf(status: MigrationStatus): string | null {
  const what = whatHappens(status);
  return what === null ? null : `${status.phase.padEnd(14)} ${what}`;
}

function whatHappens({ state, step, checkpoint, progress }: MigrationStatus): string | null {
  if (state === 'waiting-for-approval' && checkpoint) {
    const names = checkpoint.approvals.map(({ by }) => by).join(', ') || 'nobody yet';
    return `waits for approval at ${checkpoint.name}: ${checkpoint.approvals.length} of ${checkpoint.needed}, ${names}`;
  }
  // decided already, and about to go on
  if (state === 'waiting-for-approval') return null;
  if (state !== 'running') return `${state}${step ? ` (${step})` : ''}`;
  if (step === 'map' && progress.length > 0) return `map  ${figures(progress)}`;
  return step;
}

function figures(progress: MigrationStatus['progress']): string {
  const sum = (of: (table: MigrationStatus['progress'][number]) => number) =>
    progress.reduce((total, table) => total + of(table), 0);
  const count = (value: number) => Math.round(value).toLocaleString('en');
  const done = sum((t) => t.rowsDone);
  const total = sum((t) => t.rowsTotal);
  // tables are filled one or two at a time: only those that are being filled make the speed, and all that is left the time
  const moving = progress.filter((t) => t.rowsDone > 0 && t.rowsDone < t.rowsTotal);
  const known = moving.length > 0 ? moving : progress.filter((t) => t.rowsPerSecond > 0).slice(-1);
  const rate = known.reduce((all, t) => all + t.rowsPerSecond, 0);
  const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
  return `${count(done)} of ${count(total)} rows, ${count(rate)} rows/s${left}`;
}
