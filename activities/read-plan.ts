import { RekeyError } from '../src/errors.js';
import { loadPlan } from '../src/plan/find.js';
import { phaseHash } from '../src/plan/hash.js';
import type { Phase, Plan } from '../src/plan/model.js';
import { rekeySchemaVersionOf } from '../src/postgres/bootstrap.js';
import { openSession } from '../src/postgres/connect.js';
import { readOwner } from '../src/postgres/ownership.js';
import { type PhaseRow, readPhases } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import type { MigrationBrief, MigrationRequest, RunRef } from './contract.js';

/** A run's view of its plan: the phases in order, each with its hash and where it stands in this database. */
export async function readMigration(
  request: MigrationRequest & { run: RunRef },
  _attempt: Attempt,
): Promise<MigrationBrief> {
  const { plan } = await loadPlan(request.plan);
  const session = await openSession(request.connection, 'read migration');
  try {
    const rows = await phasesBegun(session);
    const owner = rows.length ? await readOwner(session) : null;
    for (const row of rows) assertUnchanged(plan, row);
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

/** Phases begun in this database; none where the schema rekey is not there. */
export async function phasesBegun(session: Session): Promise<PhaseRow[]> {
  return (await rekeySchemaVersionOf(session)) === null ? [] : readPhases(session);
}

/** Running and finished phases may not change, later ones may. */
export function assertUnchanged(plan: Plan, row: PhaseRow): void {
  if (row.state === 'rolled-back') return;
  const wrong = (code: string, message: string, remedy: string) =>
    new RekeyError('BadInput', { code, message, remedy, where: row.phase });
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
  if (hash !== row.planHash) {
    throw wrong(
      'phase.changed',
      `phase ${row.phase} is ${row.state} and was changed in the plan: its hash was ${row.planHash} and is ${hash}`,
      'Put the phase back as it was; `rekey plan show` prints plans, later phases may change.',
    );
  }
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
