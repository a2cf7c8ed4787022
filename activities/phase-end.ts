import { RekeyError } from '../src/errors.js';
import { openSession } from '../src/postgres/connect.js';
import { readMembers } from '../src/postgres/members.js';
import { type Owner, otherCluster, readOwner } from '../src/postgres/ownership.js';
import { setPhaseState } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { metricsOf } from '../src/report/metrics.js';
import type { Attempt } from './attempt.js';
import { hasDropped } from './brief.js';
import type { Cluster } from './cluster.js';
import type { PhaseOutcome, PhaseRef, PhaseRequest, PhaseState, RunRef } from './contract.js';
import { assertEndsSo, type StepWork, withStep } from './phase-work.js';
import { phasesBegun } from './read-plan.js';

/**
 * What the database itself says: has the cutover committed; for cleanup: has its first drop; is there anything to undo.
 */
export function observePhase(ref: PhaseRef, attempt: Attempt): Promise<{ cutOver: boolean; begun: boolean }> {
  return withStep('observePhase', ref, attempt, async ({ record, session, phase }) => ({
    cutOver: phase.kind === 'cleanup' ? await hasDropped(session, ref.phase) : record.cutOver,
    begun: (await readMembers(session, ref.phase)).length > 0,
  }));
}

/** Writes how the phase ended, and what it took. */
export function closePhase(
  input: PhaseRef & { outcome: 'done' | 'rolled-back' },
  attempt: Attempt,
): Promise<PhaseOutcome> {
  return withStep('closePhase', input, attempt, async (work) => {
    assertEndsSo(work.record, input.outcome);
    if (input.outcome === 'done') await assertNotTakenBack(work);
    const outcome = await outcomeOf(work.session, input.phase);
    await setPhaseState(work.session, input.phase, input.outcome);
    return outcome;
  });
}

/**
 * A failover to a standby that lagged, and a restore, take back what the workflow has seen committed. Throws StepFailed
 * `phase.taken-back`.
 */
async function assertNotTakenBack({ record, session, phase, ref }: StepWork): Promise<void> {
  if (record.state === 'done' || phase.kind === 'foundation') return;
  if (phase.kind === 'tables' && record.cutOver) return;
  if (phase.kind === 'cleanup') {
    const { left } = await session.one<{ left: boolean }>(
      `select exists (select from rekey.member m join rekey.phase p on p.phase = m.phase
         where p.state = 'done' and m.state <> 'cleaned') as left`,
    );
    if (!left) return;
  }
  const what = phase.kind === 'cleanup' ? 'legacy columns are there' : 'its keys are not swapped';
  throw new RekeyError('StepFailed', {
    code: 'phase.taken-back',
    message: `the workflow has seen the last step of ${ref.phase} commit, and the database says that ${what}: it was taken back to an earlier state, or is another one`,
    remedy: `Where the worker's connection leads to the wrong server, correct it, then resolve with retry. Where a failover or a restore has taken the database back, ${phase.kind === 'cleanup' ? 'terminate the workflow and start the plan again: cleanup goes on where the database stands.' : 'resolve with rollback, then start the plan again.'}`,
    where: ref.phase,
  });
}

async function outcomeOf(session: Session, phase: string): Promise<PhaseOutcome> {
  const { rows, longestLockMs, longestStallMs, statements, steps, tries } = await metricsOf(session, phase);
  const counts = await session.one<{ tables: number; references: number; seconds: number }>(
    `select pg_catalog.count(distinct m.table_name)::float8 as tables,
       pg_catalog.count(*) filter (where m.role = 'reference')::float8 as "references",
       (select extract(epoch from pg_catalog.clock_timestamp() - p.started_at) from rekey.phase p where p.phase = $1)::float8 as seconds
     from rekey.member m where m.phase = $1`,
    [phase],
  );
  const cutoverMs = steps.find((s) => s.step === 'swapKeys')?.longestLockMs ?? 0;
  const tenth = (value: number) => Math.round(value * 10) / 10;
  return {
    tables: counts.tables,
    rows,
    seconds: tenth(counts.seconds),
    longestLockMs: tenth(longestLockMs),
    ...(longestStallMs === null ? {} : { longestStallMs }),
    metrics: { statements, tries, references: counts.references, cutoverMs: tenth(cutoverMs) },
  };
}

/**
 * Waits, heartbeating, until a phase that another workflow has open is closed. Answers 'open' where that workflow was
 * ended half-way: nobody else would ever close the phase. Tells the migration that waits where that phase is, as it
 * may never have heard: the phase tells its own parent only, and only what is new.
 */
export async function awaitPhase(
  request: PhaseRequest & { run: RunRef },
  attempt: Attempt,
  cluster: Cluster,
): Promise<{ state: PhaseState }> {
  let told = '';
  for (;;) {
    const { state, owner } = await standOf(request);
    if (state !== 'open' || owner === null || (await isGone(owner, request.run, cluster))) return { state };
    told = await tellWhatIsNew(request.run, owner, cluster, told);
    attempt.heartbeat({ doing: `waits for ${request.phase}, which another workflow has open` });
    await pause(2_000, attempt.signal);
  }
}

/** Of its progress nothing: each telling is an event of the migration's history. */
async function tellWhatIsNew(run: RunRef, owner: Owner, cluster: Cluster, told: string): Promise<string> {
  const status = await cluster.statusOf(owner.workflowId);
  if (status === null) return told;
  const { state, step, checkpoint, failure, next } = status;
  const is = JSON.stringify([
    state,
    step,
    checkpoint?.opening,
    checkpoint?.approvals.length,
    failure?.code,
    next,
  ]);
  if (is !== told) await cluster.tell(run, status);
  return is;
}

/** Only the cluster and namespace that the owner runs in can say so: of another one nobody would ever hear here. */
async function isGone(owner: Owner, run: RunRef, cluster: Cluster): Promise<boolean> {
  if (owner.namespace !== run.namespace || owner.clusterId !== (await cluster.id()))
    throw otherCluster(owner);
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
