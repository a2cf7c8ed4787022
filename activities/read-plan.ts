import { RekeyError } from '../src/errors.js';
import { changesOf } from '../src/plan/changes.js';
import { type FoundPlan, loadPlan } from '../src/plan/find.js';
import { phaseHash } from '../src/plan/hash.js';
import type { Phase, Plan } from '../src/plan/model.js';
import { rekeySchemaVersionOf } from '../src/postgres/bootstrap.js';
import { openSession } from '../src/postgres/connect.js';
import { type Owner, readOwner } from '../src/postgres/ownership.js';
import { type PhaseRow, readPhases } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import { refuseWhatIsNotThere } from './check-plan.js';
import type { Cluster } from './cluster.js';
import type { MigrationBrief, MigrationRequest, RunRef } from './contract.js';
import { planOf } from './phase-documents.js';

/** A run's view of its plan: the phases in order, each with its hash and where it stands in this database. */
export async function readMigration(
  request: MigrationRequest & { run: RunRef },
  _attempt: Attempt,
  cluster: Cluster,
): Promise<MigrationBrief> {
  const found = await loadPlan(request.plan);
  const { plan } = found;
  const session = await openSession(request.connection, 'read migration');
  try {
    const rows = await phasesBegun(session);
    const owner = rows.length ? await readOwner(session) : null;
    if (owner) await refuseSecondMigration(owner, request.run, cluster);
    await refuseChanges(session, found, rows);
    // of all phases to come: what the fifth asks for and is not there must not be found after the fourth
    await refuseWhatIsNotThere(
      session,
      found,
      rows,
      plan.phases.map((p) => p.phase),
    );
    return {
      plan: plan.plan,
      phases: plan.phases.map((phase) => {
        const row = rows.find((r) => r.phase === phase.phase);
        const open = row?.state === 'open';
        return {
          phase: phase.phase,
          kind: phase.kind,
          planHash: phaseHash(plan, phase.phase),
          state: row?.state ?? 'new',
          owner: open ? (owner?.workflowId ?? null) : null,
        };
      }),
    };
  } finally {
    await session.close();
  }
}

/** Two migrations that are open side by side would take each other's next phase away. Throws BadInput. */
async function refuseSecondMigration(owner: Owner, run: RunRef, cluster: Cluster): Promise<void> {
  if (owner.namespace !== run.namespace || owner.clusterId !== (await cluster.id())) return;
  const other = await cluster.openMigration(owner);
  if (other === null || other === run.workflowId) return;
  throw new RekeyError('BadInput', {
    code: 'owner.other-run',
    message: `the migration ${other} is under way on this database`,
    remedy: `Go on with that one, or: temporal workflow cancel --namespace ${owner.namespace} --workflow-id ${other}`,
  });
}

/** Phases begun in this database; none where the schema rekey is not there. */
export async function phasesBegun(session: Session): Promise<PhaseRow[]> {
  return (await rekeySchemaVersionOf(session)) === null ? [] : readPhases(session);
}

/** Running and finished phases may not change, later ones may. Throws BadInput with the first place that has. */
export async function refuseChanges(session: Session, found: FoundPlan, rows: PhaseRow[]): Promise<void> {
  for (const row of rows) if (row.state !== 'rolled-back') await refuseChange(session, found, row);
}

async function refuseChange(session: Session, { plan, locate }: FoundPlan, row: PhaseRow): Promise<void> {
  const wrong = (code: string, message: string, remedy: string, where = row.phase) =>
    new RekeyError('BadInput', { code, message, remedy, where });
  if (row.plan !== plan.plan) {
    throw wrong(
      'phase.other-plan',
      `phase ${row.phase} in this database belongs to the plan ${row.plan}`,
      `Go on with the plan ${row.plan}, or roll its phases back first.`,
    );
  }
  if (!plan.phases.some((p) => p.phase === row.phase)) {
    throw wrong(
      'phase.missing',
      `phase ${row.phase} is ${row.state} in this database, and is no longer in the plan`,
      'Put the phase back into the plan as it was.',
    );
  }
  const hash = phaseHash(plan, row.phase);
  if (hash === row.planHash) return;
  const [first, ...others] = changesOf((await planOf(session, row)).plan, plan, row.phase);
  const more = others.length > 0 ? `, here and in ${others.length} more places` : '';
  throw wrong(
    'phase.changed',
    `phase ${row.phase} is ${row.state} and was changed in the plan${more}: its hash was ${row.planHash} and is ${hash}`,
    'Put the phase back as it was; `rekey plan show` prints plans, later phases may change.',
    first && locate(first),
  );
}

/** The phase of that name; BadInput with the names that there are. */
export function phaseNamed(plan: Plan, name: string): { phase: Phase; position: number } {
  const position = plan.phases.findIndex((p) => p.phase === name);
  const phase = plan.phases[position];
  if (!phase) {
    throw new RekeyError('BadInput', {
      code: 'phase.unknown',
      message: `the plan ${plan.plan} has no phase ${name.slice(0, 60)}; it has ${plan.phases.map((p) => p.phase).join(', ')}`,
      remedy: 'Name one of these.',
    });
  }
  return { phase, position };
}
