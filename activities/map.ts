import { forgetCursors } from '../src/postgres/cursors.js';
import { writeJournal } from '../src/postgres/journal.js';
import type { Attempt } from './attempt.js';
import type { MapProgress, MapRange, PhaseRef, StepResult } from './contract.js';
import { cutIntoRanges } from './map-ranges.js';
import { journalStep, type PhaseWork, withPhase, withStep } from './phase-work.js';
import { Range } from './range.js';
import { pageOf } from './range-pages.js';
import { runAll, Tally } from './run-work.js';

/** Cuts each table into ranges of blocks as it is now: rows that come later are the sync trigger's. Locks: none. */
export function planMap(
  ref: PhaseRef & { from?: number },
  attempt: Attempt,
): Promise<{ ranges: MapRange[]; next?: number }> {
  return withPhase('planMap', ref, attempt, async (work) =>
    pageOf(work.record.cutOver ? [] : await cutIntoRanges(work), ref.from ?? 0),
  );
}

/**
 * Fills shadows and mapping of one range for `sliceMs`, a batch a transaction; the cursor commits with its batch.
 * Locks: FOR NO KEY UPDATE on the rows of one batch, those that clients hold are skipped and looked at at the end.
 */
export function mapRange(
  input: PhaseRef & MapRange & { sliceMs: number },
  attempt: Attempt,
): Promise<MapProgress> {
  return withPhase(
    'map',
    input,
    attempt,
    async (work) => {
      const replica = await mayBeReplica(work);
      const range = new Range(work, input, replica);
      const progress = await range.workUntil(performance.now() + input.sliceMs);
      await journalWait(work, input.table, range.longestWaitMs);
      return progress;
    },
    { table: input.table, range: input.range },
  );
}

/** For the result of the phase: `longestStallMs`. What nobody waited for leaves no entry. */
export async function journalWait(work: PhaseWork, table: string, waitedMs: number): Promise<void> {
  if (waitedMs === 0) return;
  await writeJournal(work.session, work.scope, {
    kind: 'note',
    object: table,
    detail: { clientWaitedMs: Math.round(waitedMs) },
  });
}

/** Under replica role the application's own triggers do not fire for the backfill; preflight has named them otherwise. */
export async function mayBeReplica(work: PhaseWork): Promise<boolean> {
  const { may } = await work.session.one<{ may: boolean }>(
    work.session.version >= 150000
      ? `select pg_catalog.has_parameter_privilege('session_replication_role', 'set') as may`
      : `select rolsuper as may from pg_catalog.pg_roles where rolname = current_user`,
  );
  return may;
}

/** The mapping gets its primary key and its rows that the sync trigger made. */
export function finishMap(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withPhase('finishMap', ref, attempt, async (work) => {
    const tally = work.record.cutOver ? new Tally() : await runAll(work, work.statements.finishMap);
    await journalStep(work, tally.result());
    return tally.result();
  });
}

/** Forgets how far the map was. Shadows go with their columns, mapping rows are never deleted. */
export function unmap(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('unmap', ref, attempt, async (work) => {
    const tally = new Tally();
    await forgetCursors(work.session, ref.phase);
    await journalStep(work, tally.result());
    return tally.result();
  });
}
