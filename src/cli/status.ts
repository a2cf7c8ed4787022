import type { Command } from 'commander';
import { type DatabaseStatus, readDatabaseStatus } from '../report/database-status.js';
import { nextByJournal, whatItDoes } from '../report/next-commands.js';
import { onDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { print } from './output.js';
import { type StatusReport, statusText } from './status-text.js';

export function addStatus(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('status')
    .description(
      'where a migration is, what waits for whom, what to type next; needs no worker and no Temporal',
    )
    .argument('<connection>', 'name of a connection')
    .option('--workflow-id <id>', 'ask Temporal for this workflow, not for the one that owns the database')
    .option('--json', 'for machines')
    .action(async (connection: string, options: { workflowId?: string; json?: boolean }) => {
      const database = await onDatabase(connection, readDatabaseStatus);
      // the client takes a while to load, and no other command needs it
      const { readTemporalStatus } = await import('../report/temporal-status.js');
      const workflowId = options.workflowId ?? workflowOf(database);
      const temporal =
        workflowId === null
          ? null
          : await readTemporalStatus({ workflowId, namespace: database.owner?.namespace ?? null });
      const memo = temporal?.answer?.memo ?? null;
      // terminated, failed or forgotten: nobody there hears a signal
      const isClosed = temporal?.answer != null && temporal.answer.state !== 'RUNNING';
      const own = nextByJournal(
        database,
        connection,
        options.workflowId ?? null,
        memo?.plan ?? null,
        isClosed,
      );
      // the workflow knows better what it takes, as long as it is there
      const live = temporal?.answer?.state === 'RUNNING' && memo !== null && memo.next.length > 0;
      const report: StatusReport = {
        connection,
        database,
        temporal,
        next: live ? memo.next.map((command) => ({ does: whatItDoes(command), command })) : own,
      };
      print(options.json ? report : statusText(report));
      done(exitCodes.fine);
    });
}

/** The workflow that has the open phase; between two phases the one that goes on with the plan, by the form of its id. */
function workflowOf({ owner, current }: DatabaseStatus): string | null {
  if (owner === null) return null;
  const end = `/${current?.row.phase ?? ''}`;
  const isBetween = current?.row.state !== 'open' && owner.workflowId.endsWith(end);
  return isBetween ? owner.workflowId.slice(0, -end.length) : owner.workflowId;
}
