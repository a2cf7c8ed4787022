import { readMembers } from '../src/postgres/members.js';
import { type PhaseRow, readPhases } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { wayBackByJournal } from '../src/report/way-back.js';
import type { Attempt } from './attempt.js';
import { hasDropped } from './brief.js';
import type { PhaseRef, WayBack } from './contract.js';
import { whatClosesTheWayBack } from './ground.js';
import { catalogOf, legacyColumnsOf, planOf } from './phase-documents.js';
import { buildPhase, withStep } from './phase-work.js';

/** Is the way back open, and if not, what closed it. Locks: ACCESS SHARE on views that read the tables. */
export function wayBack(ref: PhaseRef, attempt: Attempt): Promise<WayBack> {
  return withStep('wayBack', ref, attempt, async (work) => ({
    ...(await wayBackNow(work.session, work.record)),
    askedBy: ref.run.runId,
  }));
}

/** By the journal and by the catalog as it is at this moment: for a step, and for whoever has only the database. */
export async function wayBackNow(session: Session, row: PhaseRow): Promise<WayBack> {
  const answer = await wayBackOf(session, row);
  if (!answer.open || row.kind !== 'tables' || !row.cutOver || row.catalogDocument === null) return answer;
  const { plan, phase } = await planOf(session, row);
  if (phase.kind !== 'tables') return answer;
  const catalog = await catalogOf(session, row);
  const built = buildPhase(plan, phase, catalog, await legacyColumnsOf(session, row.phase));
  const closed = await whatClosesTheWayBack({ session, ref: { phase: row.phase }, catalog, ...built });
  return closed === null ? answer : { open: false, because: closedBy(closed) };
}

function closedBy(what: string): string {
  return `the schema was changed since the cutover: ${what}; take it back and the way is open again`;
}

/** By what schema rekey says alone: what was made on the new keys since is seen by `wayBackNow`. */
export async function wayBackOf(session: Session, row: PhaseRow): Promise<WayBack> {
  const members = await readMembers(session, row.phase);
  return wayBackByJournal(
    row,
    await readPhases(session),
    members.map((m) => m.state),
    row.kind === 'cleanup' && (await hasDropped(session, row.phase)),
  );
}
