import { CancelledFailure, patched, TemporalFailure, workflowInfo } from '@temporalio/workflow';
import { type Command, startCommand } from '../src/decisions/commands.js';
import type { FailureStatus } from '../src/decisions/status.js';
import { describeFailure } from './failure.js';
import type { Run } from './run.js';

/**
 * What fails a workflow is shown before it ends: memo and search attributes are what lists and `rekey status` go by,
 * and would say `running` for ever.
 */
export async function tellingWhy<T>(work: () => Promise<T>, tell: (error: Error) => void): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // any other error is a bug of ours and ends nothing: Temporal tries the task again
    if (error instanceof TemporalFailure && patched('failure-is-shown')) tell(error);
    throw error;
  }
}

/** The same for a phase and its rollback. It is parked, as nothing goes on by itself; but no `resolve` reaches it any more. */
export async function tellingWhyOf<T>(run: Run, work: () => Promise<T>): Promise<T> {
  try {
    return await tellingWhy(work, (error) => {
      run.failure = whyItEnds(run.step ?? 'openPhase', error);
      run.restart = restartOf(run);
      run.parking = null;
      run.window = null;
      run.enter('parked');
    });
  } finally {
    await run.toParent.sent();
  }
}

export function whyItEnds(step: string, error: Error): FailureStatus {
  const { code, message, remedy } = describeFailure(step, error);
  if (error instanceof CancelledFailure)
    return { step, code, message: error.message, remedy: 'Start it again where it is still wanted.' };
  return { step, code, message, remedy };
}

/** A phase goes on under its migration, where it was begun by one. */
function restartOf(run: Run): Command {
  const { parent, workflowType, taskQueue } = workflowInfo();
  const { plan, connection } = run.request;
  const at = { workflowId: parent?.workflowId ?? run.workflowId, namespace: run.namespace };
  return parent
    ? startCommand(at, taskQueue, 'runMigration', { plan, connection })
    : startCommand(at, taskQueue, workflowType, run.request);
}
