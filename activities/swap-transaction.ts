import type { SwapStatement } from '../src/catalog/kind.js';
import { switchFlags } from '../src/postgres/flags.js';
import { withLocks } from '../src/postgres/lock-budget.js';
import { setMemberState } from '../src/postgres/members.js';
import { setCutOver, setFingerprint } from '../src/postgres/phases.js';
import type { PhaseWork } from './phase-work.js';
import type { Tally } from './run-work.js';

/** One statement of the cutover may take this long, ms; they change catalogs only, and clients are waiting. */
const statementTimeout = 5_000;

interface Ran {
  object: string;
  text: string;
  ms: number;
}

/**
 * The short transaction of the cutover or of the way back: locks on everything under the budget, `before` (what has to
 * be looked at under them), the statements, members, flags and journal. All of it commits, or nothing.
 * Locks: ACCESS EXCLUSIVE on every table of the phase; how long does not depend on row counts.
 */
export async function swapTransaction(
  work: PhaseWork,
  tally: Tally,
  direction: 'forward' | 'back',
  before: () => Promise<void>,
): Promise<void> {
  const { session, scope, view, statements, ref } = work;
  const list: SwapStatement[] = direction === 'forward' ? statements.swap : statements.swapBack;
  const had = await withLocks(
    session,
    {
      tables: statements.lockTables.map((table) => view.sqlTable(table)),
      mode: 'access exclusive',
      budget: work.plan.locks,
      statementTimeout,
      journal: { ...scope, object: ref.phase },
      onWait: (state) => work.heartbeat({ doing: scope.step, waits: state.because, tries: state.tries }),
    },
    async () => {
      await before();
      const ran: Ran[] = [];
      for (const { text, object } of list) {
        const began = process.hrtime.bigint();
        await session.execute(text);
        ran.push({ object, text, ms: Number(process.hrtime.bigint() - began) / 1e6 });
      }
      const forward = direction === 'forward';
      await setMemberState(session, ref.phase, forward ? 'cut-over' : 'shadow');
      await switchFlags(session, ref.phase, work.phase.flags, forward);
      await setCutOver(session, ref.phase, forward);
      // what it was compared with is true of the other side only
      await setFingerprint(session, ref.phase, null);
      await journalAll(work, ran);
      return ran.length;
    },
  );
  tally.locks(had);
  for (let n = 0; n < had.value; n++) tally.ran(0);
}

/** In one statement: every round trip is time under the locks. */
async function journalAll(work: PhaseWork, ran: Ran[]): Promise<void> {
  const { scope, session } = work;
  await session.execute(
    `insert into rekey.journal (phase, step, kind, object, statement, duration_ms, lock_wait_ms, workflow_id, run_id)
     select $1, $2, 'statement', r.object, r.text, r.ms, 0, $3, $4
     from pg_catalog.json_to_recordset($5::json) as r(object text, text text, ms float8)`,
    [scope.phase, scope.step, scope.run?.workflowId ?? null, scope.run?.runId ?? null, JSON.stringify(ran)],
  );
}
