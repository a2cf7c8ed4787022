import { RekeyError } from '../src/errors.js';
import { readMembers } from '../src/postgres/members.js';
import { type PhaseRow, readPhases } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { wayBackByJournal } from '../src/report/way-back.js';
import type { Attempt } from './attempt.js';
import { hasDropped } from './brief.js';
import type { PhaseRef, WayBack } from './contract.js';
import { compareGround } from './ground.js';
import { toPhaseWork, withStep } from './phase-work.js';

/** Is the way back open, and if not, what closed it. Locks: ACCESS SHARE on views that read the tables. */
export function wayBack(ref: PhaseRef, attempt: Attempt): Promise<WayBack> {
  return withStep('wayBack', ref, attempt, async (work) => {
    const answer = await wayBackOf(work.session, work.record);
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

/** By what schema rekey says; what was made on the new keys since is seen by `wayBack`. */
export async function wayBackOf(session: Session, row: PhaseRow): Promise<WayBack> {
  const members = await readMembers(session, row.phase);
  return wayBackByJournal(
    row,
    await readPhases(session),
    members.map((m) => m.state),
    row.kind === 'cleanup' && (await hasDropped(session, row.phase)),
  );
}
