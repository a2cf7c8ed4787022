import { addCursor, readCursors } from '../src/postgres/cursors.js';
import { writeJournal } from '../src/postgres/journal.js';
import { journalWait, mayBeReplica } from './map.js';
import { countMissing, sizeOf } from './map-ranges.js';
import type { PhaseWork } from './phase-work.js';
import { Range } from './range.js';

/** A table that is rewritten again and again is left to validation after so many times. */
const rounds = 3;

/**
 * Rows that `map` has not met: VACUUM FULL, CLUSTER and an ALTER that rewrites put rows into other blocks than the ranges
 * were cut for, and a sync trigger that is off for a while lets rows in without shadows. What is found by a scan gets a
 * range of its own, from the first block to the last. Locks: as `mapRange`.
 */
export async function fillMissedRows(work: PhaseWork): Promise<void> {
  const replica = await mayBeReplica(work);
  for (const table of work.view.substitution.tables) {
    await finishCursors(work, table, replica);
    let missed = await countMissing(work, table);
    for (let round = 0; missed > 0 && round < rounds; round += 1) {
      const { blocks } = await sizeOf(work, table);
      const range = { endBlock: blocks, rowsTotal: missed };
      await addCursor(work.session, work.ref.phase, table, range);
      await writeJournal(work.session, work.scope, {
        kind: 'note',
        object: table,
        detail: { missedByMap: missed },
      });
      await finishCursors(work, table, replica);
      const left = await countMissing(work, table);
      // a reference to a row that is not there has no key to take
      if (left === missed) break;
      missed = left;
    }
  }
}

/** All that `map` planned is done by now: what is not is a range of ours, whose worker died. */
async function finishCursors(work: PhaseWork, table: string, replica: boolean): Promise<void> {
  const cursors = await readCursors(work.session, work.ref.phase, table);
  for (const { rangeNo, rowsTotal } of cursors.filter(({ done }) => !done)) {
    const range = new Range(work, { table, range: rangeNo, rows: rowsTotal }, replica);
    while (!(await range.workUntil(Number.POSITIVE_INFINITY)).done) await work.session.pause(1_000);
    await journalWait(work, table, range.longestWaitMs);
  }
}
