import { openSession } from '../src/postgres/connect.js';
import { readOwner } from '../src/postgres/ownership.js';
import { finishAgain, type PhaseRow } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import { briefOf } from './brief.js';
import type { PhaseBrief, PhaseRequest, RunRef } from './contract.js';
import { planOf } from './phase-documents.js';
import { phasesBegun } from './read-plan.js';

/**
 * What an opening of this run has left that was cancelled or given up before the workflow heard of its end. A finished
 * phase that was to be rolled back is finished again. Else the brief of the phase, if it is open, for the workflow to undo
 * and close it; null where nothing was left, or another run has the database. Locks: rows of schema rekey.
 */
export async function withdrawOpening(
  { connection, phase, run }: PhaseRequest & { run: RunRef },
  { signal }: Attempt,
): Promise<PhaseBrief | null> {
  const session = await openSession(connection, `${phase} withdraw`);
  try {
    return await session.cancellable(signal, async () => {
      const row = (await phasesBegun(session)).find((r) => r.phase === phase);
      if (row?.state !== 'open' || !(await owns(session, run))) return null;
      const finishedAt = await finishedBefore(session, row, run);
      if (finishedAt !== null) {
        await finishAgain(session, phase, finishedAt);
        return null;
      }
      const planned = await planOf(session, row);
      return briefOf(planned.plan, planned.phase, row, session);
    });
  } finally {
    await session.close();
  }
}

async function owns(session: Session, run: RunRef): Promise<boolean> {
  const owner = await readOwner(session);
  return owner?.workflowId === run.workflowId && owner.firstRunId === run.firstRunId;
}

/** As openRollBack has written it down. */
async function finishedBefore(session: Session, { phase }: PhaseRow, run: RunRef): Promise<string | null> {
  const [note] = await session.query<{ finishedAt: string }>(
    `select detail->>'finishedAt' as "finishedAt" from rekey.journal
     where phase = $1 and step = 'openRollBack' and kind = 'note' and run_id = $2 order by id desc limit 1`,
    [phase, run.runId],
  );
  return note?.finishedAt ?? null;
}
