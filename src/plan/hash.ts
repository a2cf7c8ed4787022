import { createHash } from 'node:crypto';
import type { Plan } from './model.js';
import { normalPhase, normalPlan } from './normal.js';

/** Not for workflows: node:crypto. */

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

/** What a decision names: the first 12 characters of the sha256 of the phase's normalised text. */
export function phaseHash(plan: Plan, phaseName: string): string {
  return sha256(normalPhase(plan, phaseName)).slice(0, 12);
}

/** The sha256 of the whole plan, all 64 characters. */
export function planDocumentHash(plan: Plan): string {
  return sha256(normalPlan(plan));
}
