import { RekeyError } from '../src/errors.js';
import type { Phase, Plan } from '../src/plan/model.js';
import { readMembers } from '../src/postgres/members.js';
import { type PhaseRow, readPhases } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, WayBack } from './contract.js';
import { compareGround } from './ground.js';
import { toPhaseWork, withStep } from './phase-work.js';

/** Is the way back open, and if not, what closed it. Locks: ACCESS SHARE on views that read the tables. */
export function wayBack(ref: PhaseRef, attempt: Attempt): Promise<WayBack> {
  return withStep('wayBack', ref, attempt, async (work) => {
    const answer = await wayBackOf(work.session, work.plan, work.phase, work.record);
    if (!answer.open || work.phase.kind !== 'tables' || !work.record.cutOver) return answer;
    try {
      await compareGround(await toPhaseWork(work), 'after');
    } catch (error) {
      if (error instanceof RekeyError && error.type === 'SchemaMoved')
        return { open: false, because: `${error.details.message}; take it back and the way is open again` };
      throw error;
    }
    return answer;
  });
}

export async function wayBackOf(session: Session, plan: Plan, phase: Phase, row: PhaseRow): Promise<WayBack> {
  if (phase.kind === 'cleanup') {
    return row.state === 'open'
      ? { open: true, because: 'nothing has been dropped yet' }
      : { open: false, because: 'cleanup has dropped the legacy columns' };
  }
  const members = await readMembers(session, phase.phase);
  if (members.some((m) => m.state === 'cleaned'))
    return { open: false, because: 'cleanup has dropped its legacy columns' };
  const begun = await readPhases(session);
  const cleanup = plan.phases.find((p) => p.kind === 'cleanup');
  if (begun.some((r) => r.phase === cleanup?.phase && r.state === 'done'))
    return { open: false, because: 'cleanup is done' };
  const later = begun
    .filter((r) => r.position > row.position && r.state !== 'rolled-back')
    .map((r) => r.phase);
  if (later.length)
    return { open: false, because: `${later.join(', ')} came later and must be rolled back first` };
  return {
    open: true,
    because: row.cutOver
      ? 'legacy columns are kept in step, and nothing stands on the new keys alone'
      : 'the keys are not swapped',
  };
}
