import { RekeyError } from '../src/errors.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';

/** Not there yet: preflight stops a plan that asks for it, so that this is reached by no run. */
export async function rehearse(_ref: PhaseRef, _attempt: Attempt): Promise<StepResult> {
  throw new RekeyError('Hazard', {
    code: 'not-carried-over-yet',
    message: 'the rehearsal is not carried over yet',
    remedy: 'Say rehearsal: skip in the plan.',
  });
}
