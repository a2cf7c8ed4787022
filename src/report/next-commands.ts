import {
  approveCommands,
  type Command,
  cancelCommand,
  holdCommand,
  onOneLine,
  resolveCommands,
  startCommand,
} from '../decisions/commands.js';
import type { Action } from '../decisions/model.js';
import { whatItDoes } from '../decisions/what-it-does.js';
import type { Checkpoint } from '../plan/model.js';
import { isUndo } from '../postgres/ownership.js';
import type { DatabaseStatus, PhaseNow } from './database-status.js';

export { whatItDoes };

const actions: Action[] = ['retry', 'skip', 'rollback'];

export interface NextCommand {
  /** what it does, in a few words */
  does: string;
  command: string;
}

export interface NextOptions {
  /** to send signals to; that of the owner where there is none */
  workflowId?: string | null;
  /** the name by which the plan was started, where it is known: schema rekey knows only what the plan calls itself */
  planFile?: string | null;
  /** the workflow has ended in the middle of its phase, so that it has to be started again */
  isClosed?: boolean;
}

/** What to type next by the database alone, where Temporal does not answer. Pure. */
export function nextByJournal(
  status: DatabaseStatus,
  connection: string,
  { workflowId = null, planFile = null, isClosed = false }: NextOptions = {},
): NextCommand[] {
  const { current, owner } = status;
  if (owner && isUndo(owner)) return [goOnUndoing(connection)];
  const at = { workflowId: workflowId ?? owner?.workflowId ?? '', namespace: owner?.namespace ?? 'default' };
  if (!current || at.workflowId === '' || current.row.state !== 'open' || isClosed)
    return startCommands({ ...status, plan: planFile ?? status.plan }, connection);
  const { gate } = current;
  const told = (commands: Command[]) =>
    commands.map(onOneLine).map((command) => ({ does: whatItDoes(command), command }));
  if (gate?.parked) {
    const parking = {
      step: gate.gate,
      opening: gate.opening,
      planHash: gate.planHash,
      actions: actionsOf(current),
      action: null,
      by: null,
    };
    return told(resolveCommands(at, parking));
  }
  if (gate && !isApproved(current)) {
    const checkpoint = current.planned?.checkpoints.find((c) => c.checkpoint === gate.gate);
    const commands = approveCommands(at, gateOf(current, checkpoint));
    return told(commands);
  }
  if (current.paused) return told([holdCommand(at, 'resume')]);
  const stop = current.wayBack.open ? [cancelCommand(at)] : [];
  return told([holdCommand(at, 'pause'), ...stop]);
}

/** A workflow would be refused: the undo has the database until it has ended. */
function goOnUndoing(connection: string): NextCommand {
  return {
    does: 'go on with the undo that was interrupted, unless it runs',
    command: `rekey undo ${connection} --by "$(id -un)" --yes`,
  };
}

/** As the workflow wrote them when it parked. Of a row that has none: what every step of its kind allows. */
function actionsOf({ row, gate, wayBack }: PhaseNow): Action[] {
  const kept = gate?.actions?.filter((action): action is Action => actions.includes(action as Action));
  if (kept?.length) return kept;
  if (row.kind === 'cleanup' && !wayBack.open) return ['retry'];
  return gate?.gate === 'rehearse' ? actions : ['retry', 'rollback'];
}

function gateOf(current: PhaseNow, checkpoint: Checkpoint | undefined) {
  const gate = current.gate as NonNullable<PhaseNow['gate']>;
  return {
    checkpoint: gate.gate,
    opening: gate.opening,
    planHash: gate.planHash,
    openedAt: gate.openedAt.getTime(),
    deadline: gate.deadline?.getTime() ?? null,
    needed: checkpoint?.approvals ?? 1,
    from: checkpoint?.from ?? [],
    trust: checkpoint?.trust ?? ('declared' as const),
    checklist: checkpoint?.checklist ?? [],
    canReject: current.wayBack.open,
    approvals: countedApprovals(current),
    state: 'open' as const,
    rejectedBy: null,
  };
}

export function countedApprovals({
  decisions,
}: PhaseNow): { by: string; at: number; reason: string | null }[] {
  return decisions
    .filter((d) => d.decision === 'approve' && d.verdict === 'counted')
    .map((d) => ({ by: d.by ?? '', at: new Date(d.at).getTime(), reason: d.reason }));
}

/** A checkpoint that has all the approvals that it needs. */
export function isApproved(current: PhaseNow): boolean {
  const { gate, planned } = current;
  if (!gate || gate.parked) return false;
  const checkpoint = planned?.checkpoints.find((c) => c.checkpoint === gate.gate);
  return countedApprovals(current).length >= (checkpoint?.approvals ?? 1);
}

/** Nothing is open: start the plan, or go on with it. Finished phases are skipped by the workflow itself. */
function startCommands({ plan, phases, current, owner }: DatabaseStatus, connection: string): NextCommand[] {
  const start = (type: string, workflowId: string, input: object) =>
    onOneLine(startCommand({ workflowId, namespace: owner?.namespace ?? 'default' }, 'rekey', type, input));
  const named = plan ?? 'PLAN';
  // the phase that its workflow is of need not be the one that ended last
  const before =
    owner && phases.map(({ phase }) => migrationOf(owner.workflowId, phase)).find((id) => id !== null);
  const id = before ?? `${named}-${connection}`;
  const migration = start('runMigration', id, { plan: named, connection });
  if (plan === null) return [{ does: 'start a plan: put its name in the place of PLAN', command: migration }];
  const done = phases.length > 0 && phases.every((p) => p.state === 'done');
  const found: NextCommand[] = done ? [] : [{ does: `go on with the plan ${plan}`, command: migration }];
  const phase = current && phaseToRollBack(current, phases);
  if (phase) {
    found.push({
      does: `${found.length ? 'or roll' : 'roll'} back ${phase}`,
      command: start('rollBackPhase', `${plan}-rollback-${phase}`, { plan, connection, phase }),
    });
  }
  return found;
}

/** The one that ended last or is open; after a way back the one before it, whose own way back its workflow looks at. */
function phaseToRollBack(current: PhaseNow, phases: DatabaseStatus['phases']): string | null {
  if (current.row.state !== 'rolled-back') return current.wayBack.open ? current.row.phase : null;
  return phases.findLast((p) => p.state === 'done')?.phase ?? null;
}

/** A phase's id tells that of the migration that began it; null where it was started alone. */
export function migrationOf(workflowId: string, phase: string): string | null {
  const end = `/${phase}`;
  return workflowId.endsWith(end) ? workflowId.slice(0, -end.length) : null;
}
