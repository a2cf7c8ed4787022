import { allowed } from '../src/decisions/rarely.js';
import type { Phase, Plan } from '../src/plan/model.js';
import type { PhaseRow } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import type { PhaseBrief } from './contract.js';

/** What the workflow of a phase goes by, from the plan as it was stored when the phase began. */
export async function briefOf(
  plan: Plan,
  phase: Phase,
  row: PhaseRow,
  session: Session,
): Promise<PhaseBrief> {
  return {
    plan: plan.plan,
    phase: phase.phase,
    kind: phase.kind,
    planHash: row.planHash,
    risk: phase.risk,
    state: row.state,
    cutOver: phase.kind === 'cleanup' ? await hasDropped(session, phase.phase) : row.cutOver,
    checkpoints: phase.checkpoints,
    window: phase.window,
    locksWithin: plan.locks.within,
    revalidate: plan.revalidate,
    validFor: 60_000,
    tellEvery: 30_000,
    history: allowed,
    hooks: phase.hooks,
    rollback: phase.rollback,
    backup: phase.backup,
    rehearsal: plan.rehearsal !== 'skip',
    parallel: phase.kind === 'tables' ? phase.map.parallel : 1,
    hasProbes: phase.probes.length > 0,
    hasChecks: phase.checks.length > 0,
    twins: phase.kind === 'tables' && phase.twins === 'late' ? 'late' : 'early',
  };
}

/** The point of no return is the first drop that committed. */
export async function hasDropped(session: Session, phase: string): Promise<boolean> {
  const { dropped } = await session.one<{ dropped: boolean }>(
    `select exists (select from rekey.journal where phase = $1 and step = 'dropLegacy' and kind = 'statement' and coalesce(object, '') not like 'mapping of %') as dropped`,
    [phase],
  );
  return dropped;
}
