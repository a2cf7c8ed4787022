import { CancellationScope, patched } from '@temporalio/workflow';
import type { PhaseOutcome } from '../activities/contract.js';
import { hook, lookHowFar } from './cutover.js';
import { describeFailure } from './failure.js';
import { closeGate } from './gate.js';
import { insist } from './insist.js';
import { park } from './park.js';
import { registerAll, undoFoundation } from './phases.js';
import { RollBack, type Run } from './run.js';
import { attempt, register } from './steps.js';
import { failureOf, findingsOf } from './validation.js';
import { call } from './world.js';

/**
 * Undoes what the phase has done, newest first, where no cancel reaches; ends with the validation that everything is
 * as before. Parks where a compensation or that validation fails.
 */
export async function rollBack(
  run: Run,
  { because }: Pick<RollBack, 'because'>,
): Promise<PhaseOutcome | null> {
  return CancellationScope.nonCancellable(async () => {
    run.note(`rolls back: ${because}`);
    if (run.pausedBy !== null)
      run.later(() =>
        call('setPause', 'a rollback is not paused', { ...run.ref, paused: false, by: 'rollback' }),
      );
    run.pausedBy = null;
    run.failure = null;
    if (run.keptOpen) closeGate(run, run.keptOpen, 'rolled-back');
    run.window = null;
    run.enter('rolling-back');
    await run.journalled();
    await registerUnseen(run);
    const undone = run.compensations.length > 0;
    for (const { step, undo } of run.compensations.splice(0).reverse()) {
      run.enter('rolling-back', `undo ${step}`);
      await insist(run, `undo ${step}`, undo);
    }
    if (undone && run.brief?.kind === 'tables') await validateRolledBack(run);
    return close(run, 'rolled-back');
  });
}

/**
 * The database may be ahead of this run: a reset has taken it back to before steps that were done, or it began where an
 * earlier one was terminated and is given up before it got there. What another run did is undone all the same.
 */
async function registerUnseen(run: Run): Promise<void> {
  if (
    run.brief?.kind === 'foundation' &&
    run.compensations.length === 0 &&
    patched('drops-what-opening-made')
  )
    register(run, { step: 'createFoundation', undo: () => undoFoundation(run) });
  const isWhole = run.compensations.some(({ step }) => step === 'swapKeys');
  if (run.brief?.kind !== 'tables' || isWhole || !patched('looks-before-undoing')) return;
  const { cutOver, begun = false } = await lookHowFar(run);
  if (cutOver || begun) registerAll(run, `rollback:${run.ref.run.runId}`);
}

async function validateRolledBack(run: Run): Promise<void> {
  for (;;) {
    run.enter('rolling-back', 'validate');
    const request = { ...run.ref, when: 'after-rollback' as const };
    const { result, failure } = await attempt('validate', () =>
      call('validate', 'validate after the rollback', request),
    );
    const findings = failure ? [] : findingsOf(run, result);
    if (failure === null && findings.length === 0) return;
    const skippable =
      failure === null && findings.every(({ reason }) => reason === 'probe' || reason === 'check');
    const action = await park(
      run,
      failure ?? failureOf(run, findings),
      skippable ? ['retry', 'skip'] : ['retry'],
    );
    if (action === 'skip') return;
  }
}

/** The journal closes the phase; the last entry, unless the schema that it lies in is gone. */
export async function close(run: Run, outcome: 'done' | 'rolled-back'): Promise<PhaseOutcome | null> {
  let figures: PhaseOutcome | null = null;
  run.step = 'closePhase';
  run.learned();
  await run.journalled();
  if (run.hasJournal && run.brief !== null) {
    await insist(run, 'closePhase', async () => {
      const closing = () => call('closePhase', `closes the phase: ${outcome}`, { ...run.ref, outcome });
      figures = await unlessTakenBack(run, closing);
    });
  }
  run.enter(outcome, null);
  return figures;
}

/** Going forward is over for this run where the database was taken back to before the cutover; undoing the rest is not. */
async function unlessTakenBack<T>(run: Run, closing: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await closing();
    } catch (error) {
      const failure = describeFailure('closePhase', error);
      if (failure.code !== 'phase.taken-back' || run.brief?.kind !== 'tables') throw error;
      if ((await park(run, failure, ['retry', 'rollback'])) === 'retry') continue;
      // the application counts on keys that are not there: what a swap back would have told it
      const key = `taken-back:${run.ref.run.runId}`;
      await insist(run, 'hook after-swap-back', () => hook(run, 'after-swap-back', key));
      throw new RollBack('the database was taken back to before the cutover');
    }
  }
}
