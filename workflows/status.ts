import {
  approveCommands,
  type Command,
  cancelCommand,
  holdCommand,
  onOneLine,
  resolveCommands,
} from '../src/decisions/commands.js';
import type { CheckpointStatus, Status } from '../src/decisions/status.js';
import type { Run } from './run.js';

/** What the operator can type next, in the order in which it is likely wanted. */
export function nextCommands(run: Run): Command[] {
  if (run.restart !== null) return [run.restart];
  const at = { workflowId: run.workflowId, namespace: run.namespace };
  const resume = run.pausedBy === null ? [] : [holdCommand(at, 'resume')];
  if (run.parking !== null && run.parking.action === null)
    return [...resolveCommands(at, run.parking), ...resume];
  if (run.gate?.state === 'open') return [...approveCommands(at, run.gate), ...resume];
  if (run.state === 'done' || run.state === 'rolled-back' || run.state === 'rolling-back') return [];
  const stop = run.noReturn ? [] : [cancelCommand(at)];
  return resume.length > 0 ? [...resume, ...stop] : [holdCommand(at, 'pause'), ...stop];
}

/** The answer of the query `status`; `asOf` is when the last of it came to be known, in the workflow's own time. */
export function statusOf(run: Run): Status {
  return {
    plan: run.request.plan,
    planHash: run.planHash,
    phase: run.request.phase,
    workflowId: run.workflowId,
    state: run.state,
    step: run.step,
    asOf: run.knownAt,
    progress: run.progress,
    checkpoint: checkpointOf(run),
    wayBack: run.wayBack,
    failure: run.failure,
    next: nextCommands(run).map(onOneLine),
    window: run.window,
    risk: run.brief?.risk ?? null,
    notes: [...run.held.map((why) => `held: ${why}`), ...run.notes],
  };
}

function checkpointOf(run: Run): CheckpointStatus | null {
  const { gate, gateValidation } = run;
  if (gate === null || gate.state !== 'open') return null;
  return {
    name: gate.checkpoint,
    opening: gate.opening,
    approvals: gate.approvals.map(({ by, at }) => ({ by, at: new Date(at).toISOString() })),
    needed: gate.needed,
    from: gate.from,
    checklist: gate.checklist,
    until: gate.deadline === null ? null : new Date(gate.deadline).toISOString(),
    validation: gateValidation && {
      passed: gateValidation.passed,
      checks: gateValidation.checks,
      failures: gateValidation.failures,
      at: gateValidation.at,
    },
  };
}
