import { readMembers } from '../src/postgres/members.js';
import { type PhaseRow, readPhases } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { isOnlyOrder, wayBackByJournal } from '../src/report/way-back.js';
import type { Attempt } from './attempt.js';
import { hasDropped } from './brief.js';
import type { PhaseRef, WayBack } from './contract.js';
import { type MovedLater, oidsOf, whatClosesTheWayBack } from './ground.js';
import { tablesRenamed } from './names-gone.js';
import { inWords, standsOnShadows } from './on-shadows.js';
import { catalogOf, legacyColumnsOf, planOf } from './phase-documents.js';
import { buildPhase, withStep } from './phase-work.js';

/** Is the way back open, and if not, what closed it. Locks: ACCESS SHARE on views that read the tables. */
export function wayBack(ref: PhaseRef, attempt: Attempt): Promise<WayBack> {
  return withStep('wayBack', ref, attempt, async (work) => ({
    ...(await wayBackNow(work.session, work.record)),
    askedBy: ref.run.runId,
  }));
}

/**
 * By the journal and by the catalog as it is at this moment: for a step, and for whoever has only the database. A phase that
 * later ones keep from going back is looked at, too: who undoes them all has to know before the first.
 */
export async function wayBackNow(session: Session, row: PhaseRow): Promise<WayBack> {
  const answer = await wayBackOf(session, row);
  if (!(answer.open || isOnlyOrder(answer)) || row.kind !== 'tables' || row.catalogDocument === null)
    return answer;
  if (!row.cutOver && row.state !== 'open') return answer;
  const { plan, phase } = await planOf(session, row);
  if (phase.kind !== 'tables') return answer;
  const catalog = await catalogOf(session, row);
  const built = buildPhase(plan, phase, catalog, await legacyColumnsOf(session, row.phase));
  if (!row.cutOver) {
    const renamed = await tablesRenamed(session, built.view);
    if (renamed.length > 0)
      return {
        open: false,
        because: `${renamed.join('; ')}; give it its name back and the way is open again`,
      };
    const found = await standsOnShadows(session, built.view);
    return found.length === 0 ? answer : { open: false, because: closedByWhatStands(found) };
  }
  const later = await movedLater(session, row);
  const closed = await whatClosesTheWayBack({ session, ref: { phase: row.phase }, catalog, ...built }, later);
  return closed === null ? answer : { open: false, because: closedBy(closed) };
}

/** By the phases that came later and stand. */
async function movedLater(session: Session, { position }: PhaseRow): Promise<MovedLater> {
  const later: MovedLater = { oids: [], tables: [] };
  for (const row of await readPhases(session)) {
    if (row.position <= position || row.state === 'rolled-back') continue;
    // before its preflight has kept the catalog a phase changes nothing
    if (row.kind !== 'tables' || row.catalogDocument === null) continue;
    const { plan, phase } = await planOf(session, row);
    if (phase.kind !== 'tables') continue;
    const catalog = await catalogOf(session, row);
    const { view } = buildPhase(plan, phase, catalog, await legacyColumnsOf(session, row.phase));
    later.oids.push(...oidsOf({ catalog, view }));
    later.tables.push(...view.substitution.tables);
  }
  return later;
}

function closedBy(what: string): string {
  const how = /(^|; )gone: /.test(what)
    ? 'a name that is given back opens the way again, without what was dropped there is cleanup only'
    : 'take it back and the way is open again';
  return `the schema was changed since the cutover: ${what}; ${how}`;
}

function closedByWhatStands(found: string[]): string {
  return `${inWords(found)} on columns that a rollback drops; drop it and the way is open again`;
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
