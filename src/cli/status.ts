import type { Command } from 'commander';
import { wayBackNow } from '../../activities/way-back.js';
import { isUndo } from '../postgres/ownership.js';
import { type DatabaseStatus, readDatabaseStatus } from '../report/database-status.js';
import { migrationOf, type NextCommand, nextByJournal, whatItDoes } from '../report/next-commands.js';
import type { TemporalStatus } from '../report/temporal-status.js';
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
      const database = await onDatabase(connection, (session) => readDatabaseStatus(session, wayBackNow));
      // the client takes a while to load, and no other command needs it
      const { readTemporalStatus } = await import('../report/temporal-status.js');
      const own = workflowOf(database);
      const ask = async (workflowId: string | null) =>
        workflowId === null
          ? null
          : readTemporalStatus({
              workflowId,
              namespace: database.owner && !isUndo(database.owner) ? database.owner.namespace : null,
              // an id that somebody names may be of a start on this very server
              clusterId: workflowId === own ? (database.owner?.clusterId ?? null) : null,
            });
      const asked = options.workflowId ?? own;
      const temporal = await ask(asked);
      // the phase may wait for somebody while the workflow that was asked for has long ended
      const owner = own === asked ? temporal : await ask(own);
      const next =
        nextByWorkflow(temporal) ??
        nextByWorkflow(owner) ??
        nextByJournal(database, connection, {
          workflowId: temporal?.answer ? null : asked,
          planFile: temporal?.answer?.memo?.plan ?? owner?.answer?.memo?.plan ?? null,
          // terminated, failed or forgotten: nobody there hears a signal
          isClosed: owner?.answer != null && owner.answer.state !== 'RUNNING',
        });
      const report: StatusReport = { connection, database, temporal, next };
      print(options.json ? report : statusText(report));
      done(exitCodes.fine);
    });
}

/** It knows better what it takes, as long as it is there. */
function nextByWorkflow(temporal: TemporalStatus | null): NextCommand[] | null {
  const { state, memo } = temporal?.answer ?? { state: null, memo: null };
  if (state !== 'RUNNING' || memo === null || memo.next.length === 0) return null;
  return memo.next.map((command) => ({ does: whatItDoes(command), command }));
}

/** The workflow that has the open phase; between two phases the one that goes on with the plan. */
function workflowOf({ owner, current }: DatabaseStatus): string | null {
  if (owner === null || isUndo(owner)) return null;
  const migration = migrationOf(owner.workflowId, current?.row.phase ?? '');
  return current?.row.state === 'open' ? owner.workflowId : (migration ?? owner.workflowId);
}
