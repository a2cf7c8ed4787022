import type { Finding } from '../src/checks/findings.js';
import { writeFinding } from '../src/postgres/findings.js';
import type { StepWork } from './phase-work.js';

/** For `rekey findings`: what a step's result only counts, since it goes into a history. */
export function keepFinding(
  { session, ref, step }: Pick<StepWork, 'session' | 'ref' | 'step'>,
  { check, on, count, example }: Finding,
): Promise<void> {
  return writeFinding(session, { phase: ref.phase, step, check, object: on, count, example });
}
