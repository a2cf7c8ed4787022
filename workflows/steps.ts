import { TemporalFailure } from '@temporalio/workflow';
import { badInput, describeFailure, ending, type Failure } from './failure.js';
import { parkForward } from './park.js';
import type { Compensation, Run } from './run.js';

export interface Step<T> {
  step: string;
  forward: () => Promise<T>;
  /** registered before the step begins */
  undo?: () => Promise<unknown>;
  /** rehearsal only; what a validation found is skipped elsewhere */
  skippable?: boolean;
}

/**
 * One step, to its end: its compensation is registered first; a failure parks and is tried again, skipped or rolled
 * back as somebody decides. Null where it was skipped. Throws RollBack after a cancel, BadInput at once.
 */
export async function runStep<T>(
  run: Run,
  { step, forward, undo, skippable = false }: Step<T>,
): Promise<T | null> {
  await run.holdWhilePaused();
  if (undo) register(run, { step, undo: async () => void (await undo()) });
  for (;;) {
    run.enter('running', step);
    const { result, failure } = await attempt(step, forward);
    run.stopIfCancelled();
    if (failure === null) return result;
    failIfWrong(run, failure);
    if ((await parkForward(run, failure, skippable)) === 'skip') return null;
    await run.holdWhilePaused();
  }
}

/** The result or the failure of an activity; whatever else is thrown goes on, a RollBack above all. */
export async function attempt<T>(
  step: string,
  forward: () => Promise<T>,
): Promise<{ result: T; failure: null } | { result: null; failure: Failure }> {
  try {
    return { result: await forward(), failure: null };
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    return { result: null, failure: describeFailure(step, error) };
  }
}

/** A compensation stands in the list once, however often its step is tried. */
export function register(run: Run, compensation: Compensation): void {
  if (!run.compensations.some((one) => one.step === compensation.step)) run.compensations.push(compensation);
}

/**
 * Wrong input fails the workflow, as long as there is nothing to undo. Who does not own the database must not undo
 * anything either: another run is at work there.
 */
export function failIfWrong(run: Run, failure: Failure): void {
  const { type, code, message, remedy, where } = failure;
  if (type === 'NotOwner' && run.brief !== null) {
    throw ending(type, { code, message, remedy, where });
  }
  if (type === 'NotOwner' || (type === 'BadInput' && run.compensations.length === 0 && !run.noReturn)) {
    throw badInput({ code, message, remedy, where });
  }
}
