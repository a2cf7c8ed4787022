import { forgetMembers, writeMembers } from '../src/postgres/members.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';
import { keepOthersBeforeUndo } from './ground.js';
import { assertSwappedBack, journalStep, undoPhase, withPhase } from './phase-work.js';
import { runAll, Tally } from './run-work.js';

/** Shadow columns, key functions, sync triggers. Locks: ACCESS EXCLUSIVE and SHARE ROW EXCLUSIVE, a table at a time. */
export function addColumns(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withPhase('addColumns', ref, attempt, async (work) => {
    const { members, phase } = work.view.substitution;
    if (work.record.cutOver) return new Tally().result();
    await writeMembers(
      work.session,
      members.map((m) => ({
        phase,
        tableName: m.table,
        columnBefore: m.before,
        shadow: m.shadow,
        columnAfter: m.after,
        legacy: m.legacy,
        role: m.role,
        domain: m.domain,
        state: 'shadow' as const,
      })),
    );
    const tally = await runAll(work, work.statements.addColumns.up);
    await journalStep(work, tally.result());
    return tally.result();
  });
}

/** Undoes addColumns; key functions and mapping stay, so that a second run gives the same keys. */
export function dropColumns(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return undoPhase('dropColumns', ref, attempt, async (work) => {
    assertSwappedBack(work);
    await keepOthersBeforeUndo(work);
    const tally = await runAll(work, work.statements.addColumns.down);
    await forgetMembers(work.session, ref.phase);
    await journalStep(work, tally.result());
    return tally.result();
  });
}
