import { CancelledFailure } from '@temporalio/workflow';
import { rollBack } from './compensate.js';
import { badInput } from './failure.js';
import { registerAll, undoFoundation } from './phases.js';
import { thisRun } from './request.js';
import { RollBack, type Run } from './run.js';
import { end, open, type PhaseResult, start, withdraw } from './run-phase.js';
import { register } from './steps.js';
import { tellingWhyOf } from './tell-why.js';
import { call } from './world.js';

/**
 * Undoes a finished phase, or one whose workflow was terminated half-way: the same compensations, each harmless where
 * its step never ran. Input {plan, connection, phase}. BadInput where the way back is closed.
 */
export async function rollBackPhase(input: unknown): Promise<PhaseResult> {
  const run = start(input);
  return tellingWhyOf(run, () => undo(run));
}

async function undo(run: Run): Promise<PhaseResult> {
  try {
    const claim = () =>
      call('openRollBack', `opens the rollback of ${run.request.phase}`, { ...run.request, run: thisRun() });
    const brief = await open(run, claim);
    run.wayBack = brief.wayBack;
    if (!brief.wayBack.open) {
      throw badInput({
        code: 'rollback.closed',
        message: `${brief.phase} can not be rolled back: ${brief.wayBack.because}`,
        remedy:
          'Take back what closed it, or roll back the newest phase first, then start the rollback again; after cleanup restore the backup.',
        where: brief.phase,
      });
    }
    compensations(run);
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
    // cancelled or given up before anything was undone: what was, stays, and is not called open any more
    await withdraw(run);
    throw new CancelledFailure(`nothing was undone: ${error.because}`);
  }
  return await end(run, 'rolled-back', await rollBack(run, { because: 'rollBackPhase was started' }));
}

function compensations(run: Run): void {
  if (run.brief?.kind === 'tables') registerAll(run, `rollback:${run.ref.run.runId}`);
  if (run.brief?.kind === 'foundation')
    register(run, { step: 'createFoundation', undo: () => undoFoundation(run) });
}
