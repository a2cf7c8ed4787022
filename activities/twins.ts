import { isSeen } from '../src/catalog/observe.js';
import { place } from '../src/kinds/work.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';
import { keepOthersBeforeUndo } from './ground.js';
import { fillMissedRows } from './missed-rows.js';
import { assertNothingStandsOnShadows } from './on-shadows.js';
import { assertSwappedBack, journalStep, type PhaseWork, undoPhase, withPhase } from './phase-work.js';
import { runAll, Tally } from './run-work.js';
import { Throttle } from './throttle.js';

/**
 * What map has missed first; indexes CONCURRENTLY, each when the throttle lets it; constraints NOT VALID then validated, ANALYZE. With `twins: late` unique twins and what stands on
 * them are left to a second call, which comes after the approval.
 */
export function buildTwins(input: PhaseRef & { late?: boolean }, attempt: Attempt): Promise<StepResult> {
  return withPhase('buildTwins', input, attempt, async (work) => {
    const { up } = work.statements.buildTwins;
    const inTwo = work.phase.twins === 'late';
    const list = inTwo ? up.filter((one) => (one.late === true) === (input.late === true)) : up;
    const tally = new Tally();
    const throttle = new Throttle(work, work.phase.map.pauseWhen);
    if (!work.record.cutOver) {
      if (input.late !== true) await fillMissedRows(work);
      await runAll(work, list, tally, undefined, (object) => throttle.whileHeld(object));
    }
    await journalStep(work, { ...tally.result(), late: input.late === true });
    return tally.result();
  });
}

/** Undoes buildTwins; harmless where shadow columns are gone already, and with them all that stood on them. */
export function dropTwins(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return undoPhase('dropTwins', ref, attempt, async (work) => {
    assertSwappedBack(work);
    await keepOthersBeforeUndo(work);
    await assertNothingStandsOnShadows(work);
    const tally = (await hasShadows(work))
      ? await runAll(work, work.statements.buildTwins.down)
      : new Tally();
    await journalStep(work, tally.result());
    return tally.result();
  });
}

async function hasShadows(work: PhaseWork): Promise<boolean> {
  for (const member of work.view.substitution.members) {
    const see = {
      see: 'column',
      ...place(work.view, member.table),
      name: member.shadow,
      present: true,
    } as const;
    if (await isSeen(work.session.query, see)) return true;
  }
  return false;
}
