import { allKinds } from '../src/kinds/all.js';
import { notCarriedOver } from '../src/plan/not-carried-over.js';
import type { PreflightResult } from './contract.js';
import type { PhaseWork, StepWork } from './phase-work.js';
import { hazardsStop } from './preflight.js';

export async function lookBeforeChange(
  work: StepWork,
  tables: PhaseWork | null,
): Promise<Omit<PreflightResult, 'fingerprint'>> {
  void allKinds;
  const hazards = [...notCarriedOver(work.plan, work.phase), ...(tables?.statements.hazards ?? [])];
  if (hazards.length) throw hazardsStop(hazards);
  return { hazards: 0, accepted: 0, notes: 0, warnings: [] };
}
