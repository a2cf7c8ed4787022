import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';
import { journalStep, withStep } from './phase-work.js';
import { Tally } from './run-work.js';

/** Measures every probe of the plan before anything has moved. Locks: ACCESS SHARE. */
export function measureBaseline(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('measureBaseline', ref, attempt, async (work) => {
    const tally = new Tally();
    await journalStep(work, tally.result());
    return tally.result();
  });
}
