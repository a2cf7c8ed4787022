import { RekeyError } from '../src/errors.js';
import { loadPlan } from '../src/plan/find.js';
import { phaseHash } from '../src/plan/hash.js';
import type { Phase, Plan } from '../src/plan/model.js';
import { createRekeySchema } from '../src/postgres/bootstrap.js';
import { openSession } from '../src/postgres/connect.js';
import { storeDocument } from '../src/postgres/documents.js';
import { declareFlags } from '../src/postgres/flags.js';
import { writeJournal } from '../src/postgres/journal.js';
import { claimOwner } from '../src/postgres/ownership.js';
import { openPhaseRow, type PhaseRow, setPhaseState } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { serverFunctions } from '../src/substitution/server-functions.js';
import type { Attempt } from './attempt.js';
import { briefOf } from './brief.js';
import { refusePublications, refuseServer, refuseWhatIsNotThere } from './check-plan.js';
import type { Cluster } from './cluster.js';
import type { PhaseBrief, PhaseRequest, RollBackBrief, RunRef } from './contract.js';
import { phaseNamed, phasesBegun, refuseChanges } from './read-plan.js';
import { version } from './version.js';
import { wayBackNow } from './way-back.js';

type Request = PhaseRequest & { run: RunRef };

/**
 * Opens a phase for this run: reads the plan, refuses what can't be (BadInput: unknown names, what the database does not
 * have, wrong order, a changed plan, a second run; Hazard: a server or role that the schema can't be made with, a publication
 * that it would be in), creates the schema rekey if it is not there, and writes who owns the database.
 */
export async function openPhase(request: Request, attempt: Attempt, cluster: Cluster): Promise<PhaseBrief> {
  const found = await loadPlan(request.plan);
  const { plan } = found;
  const { phase, position } = phaseNamed(plan, request.phase);
  return withSession(request, attempt, async (session) => {
    const rows = await phasesBegun(session);
    await refuseChanges(session, found, rows);
    assertOrder(plan, phase, position, rows);
    await refuseWhatIsNotThere(session, found, rows, [phase.phase]);
    await refuseServer(session);
    await refusePublications(session, plan, phase);
    await createRekeySchema(session, serverFunctions);
    await claim(session, plan, request.run, cluster);
    const row = await openPhaseRow(session, {
      phase: phase.phase,
      plan: plan.plan,
      planHash: phaseHash(plan, phase.phase),
      position,
      kind: phase.kind,
      planDocument: await storeDocument(session, 'plan', JSON.stringify(plan)),
      wroteVersion: version,
    });
    await declareFlags(session, phase.phase, phase.flags);
    return briefOf(plan, phase, row, session);
  });
}

/** Opens a finished phase, or one whose run was ended half-way, for the way back: the newest first. */
export async function openRollBack(
  request: Request,
  attempt: Attempt,
  cluster: Cluster,
): Promise<RollBackBrief> {
  const found = await loadPlan(request.plan);
  const { plan } = found;
  const { phase, position } = phaseNamed(plan, request.phase);
  return withSession(request, attempt, async (session) => {
    const rows = await phasesBegun(session);
    await refuseChanges(session, found, rows);
    const row = rows.find((r) => r.phase === phase.phase);
    if (!row || row.state === 'rolled-back') {
      throw wrong(
        'rollback.nothing',
        phase.phase,
        row ? 'this phase is rolled back already' : 'this phase was never begun in this database',
        'Nothing is to be done.',
      );
    }
    const later = rows.filter((r) => r.position > position && r.state !== 'rolled-back');
    if (later.length) {
      throw wrong(
        'rollback.order',
        phase.phase,
        `the later phase ${later.map((r) => r.phase).join(', ')} is not rolled back`,
        `Roll back ${later[later.length - 1]?.phase} first: the newest phase comes first.`,
      );
    }
    const wayBack = await wayBackNow(session, row);
    const brief = await briefOf(plan, phase, row, session);
    if (!wayBack.open) return { ...brief, wayBack };
    await claim(session, plan, request.run, cluster);
    await session.transaction(async () => {
      // for a rollback that is cancelled before it begins
      if (row.state === 'done')
        await writeJournal(
          session,
          { phase: row.phase, step: 'openRollBack', run: request.run },
          { kind: 'note', object: row.phase, detail: { finishedAt: row.finishedAt } },
        );
      await setPhaseState(session, phase.phase, 'open');
    });
    return { ...brief, state: 'open', wayBack };
  });
}

/** A cancel ends whatever the opening waits for. */
async function withSession<T>(
  request: Request,
  { signal }: Attempt,
  fn: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(request.connection, `${request.phase} open`);
  try {
    return await session.cancellable(signal, () => fn(session));
  } finally {
    await session.close();
  }
}

function assertOrder(plan: Plan, phase: Phase, position: number, rows: PhaseRow[]): void {
  const state = (name: string) => rows.find((r) => r.phase === name)?.state;
  const missing = plan.phases.slice(0, position).filter((p) => state(p.phase) !== 'done');
  if (missing.length === 0) return;
  throw wrong(
    'phase.order',
    phase.phase,
    `phase ${phase.phase} comes after ${missing.map((p) => p.phase).join(', ')}, which ${missing.length > 1 ? 'are' : 'is'} not done`,
    `Run ${missing[0]?.phase} first, or start runMigration, which runs the phases in order.`,
  );
}

async function claim(session: Session, plan: Plan, run: RunRef, cluster: Cluster): Promise<void> {
  const clusterId = await cluster.id();
  await claimOwner(session, { ...run, plan: plan.plan, clusterId }, (owner) => cluster.isClosed(owner));
}

function wrong(code: string, where: string, message: string, remedy: string): RekeyError {
  return new RekeyError('BadInput', { code, where, message, remedy });
}
