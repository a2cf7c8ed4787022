import { openSession } from '../src/postgres/connect.js';
import { type Owner, readOwner } from '../src/postgres/ownership.js';
import { setPhaseState } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import { hasDropped } from './brief.js';
import type { Cluster } from './cluster.js';
import type { PhaseOutcome, PhaseRef, PhaseRequest, PhaseState, RunRef } from './contract.js';
import { withStep } from './phase-work.js';
import { phasesBegun } from './read-plan.js';

/** What the database itself says: has the cutover committed; for cleanup: has its first drop. */
export function observePhase(ref: PhaseRef, attempt: Attempt): Promise<{ cutOver: boolean }> {
  return withStep('observePhase', ref, attempt, async ({ record, session, phase }) => ({
    cutOver: phase.kind === 'cleanup' ? await hasDropped(session, ref.phase) : record.cutOver,
  }));
}

/** Writes how the phase ended, and what it took. */
export function closePhase(
  input: PhaseRef & { outcome: 'done' | 'rolled-back' },
  attempt: Attempt,
): Promise<PhaseOutcome> {
  return withStep('closePhase', input, attempt, async (work) => {
    const outcome = await outcomeOf(work.session, input.phase);
    await setPhaseState(work.session, input.phase, input.outcome);
    return outcome;
  });
}

export async function outcomeOf(session: Session, phase: string): Promise<PhaseOutcome> {
  const figures = await session.one<Record<string, number>>(
    `select
       (select pg_catalog.count(distinct table_name) from rekey.member where phase = $1)::float8 as tables,
       (select coalesce(pg_catalog.sum(rows_done), 0) from rekey.cursor where phase = $1)::float8 as rows,
       pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - (select started_at from rekey.phase where phase = $1))::numeric, 1)::float8 as seconds,
       (select coalesce(pg_catalog.round(pg_catalog.max(duration_ms + coalesce(lock_wait_ms, 0))::numeric, 1), 0) from rekey.journal
         where phase = $1 and kind = 'locks')::float8 as "longestLockMs",
       (select pg_catalog.count(*) from rekey.journal where phase = $1 and kind = 'statement')::float8 as statements,
       (select pg_catalog.count(*) from rekey.member where phase = $1 and role = 'reference')::float8 as "references",
       (select coalesce(pg_catalog.max(duration_ms), 0) from rekey.journal where phase = $1 and kind = 'locks' and step = 'swapKeys')::float8 as "cutoverMs"`,
    [phase],
  );
  const { tables = 0, rows = 0, seconds = 0, longestLockMs = 0, ...metrics } = figures;
  return { tables, rows, seconds, longestLockMs, metrics };
}

/**
 * Waits, heartbeating, until a phase that another workflow has open is closed. Answers 'open' where that workflow was
 * ended half-way: nobody else would ever close the phase.
 */
export async function awaitPhase(
  request: PhaseRequest & { run: RunRef },
  attempt: Attempt,
  cluster: Cluster,
): Promise<{ state: PhaseState }> {
  for (;;) {
    const { state, owner } = await standOf(request);
    if (state !== 'open' || owner === null || (await isGone(owner, request.run, cluster))) return { state };
    attempt.heartbeat({ doing: `waits for ${request.phase}, which another workflow has open` });
    await pause(2_000, attempt.signal);
  }
}

/** Only the cluster and namespace that the owner runs in can say so. */
async function isGone(owner: Owner, run: RunRef, cluster: Cluster): Promise<boolean> {
  if (owner.namespace !== run.namespace || owner.clusterId !== (await cluster.id())) return false;
  return cluster.isClosed(owner);
}

async function standOf(request: PhaseRequest): Promise<{ state: PhaseState; owner: Owner | null }> {
  const session = await openSession(request.connection, `${request.phase} await`);
  try {
    const state = (await phasesBegun(session)).find((row) => row.phase === request.phase)?.state ?? 'new';
    return { state, owner: state === 'open' ? await readOwner(session) : null };
  } finally {
    await session.close();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}
