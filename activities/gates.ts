import { activityInfo } from '@temporalio/activity';
import { openSession } from '../src/postgres/connect.js';
import { writeDecision } from '../src/postgres/decisions.js';
import * as gates from '../src/postgres/gates.js';
import { writeJournal } from '../src/postgres/journal.js';
import * as pauses from '../src/postgres/pauses.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import type { Cluster } from './cluster.js';
import type { DecisionEvent, DecisionRecord, Opening, PhaseRef, Sender } from './contract.js';

/** What is decided about a phase: openings, decisions, pauses, failures. Each is a row, written once however often it is tried. */

export function openGate(
  input: PhaseRef & { gate: string; deadline: string | null; parked: boolean; actions?: string[] },
  _attempt: Attempt,
): Promise<Opening> {
  return withSession(input, async (session) => {
    const { phase, gate, planHash, parked, deadline, actions } = input;
    const key = onceKey(input);
    const opening = await gates.openGate(session, { phase, gate, planHash, parked, deadline, actions, key });
    return { opening: opening.opening, openedAt: opening.openedAt.toISOString() };
  });
}

export function closeGate(
  input: PhaseRef & { gate: string; opening: number; outcome: string },
  _attempt: Attempt,
): Promise<void> {
  return withSession(input, (session) => gates.closeGate(session, input.opening, input.outcome));
}

export function recordDecision(
  input: PhaseRef & { record: DecisionRecord; event?: DecisionEvent | null },
  _attempt: Attempt,
  cluster: Cluster,
): Promise<void> {
  return withSession(input, async (session) => {
    const { record, event, phase } = input;
    const sender = event ? await cluster.sender(input.run, event) : { identity: null, principal: null };
    await writeDecision(session, onceKey(input), {
      ...record,
      phase,
      clientIdentity: sender.identity,
      principal: sender.principal,
    });
  });
}

export async function readSender(
  input: PhaseRef & { event: DecisionEvent },
  _attempt: Attempt,
  cluster: Cluster,
): Promise<Sender> {
  return cluster.sender(input.run, input.event);
}

export function setPause(
  input: PhaseRef & { paused: boolean; by: string },
  _attempt: Attempt,
): Promise<void> {
  return withSession(input, (session) => pauses.setPause(session, input.phase, input.paused, input.by));
}

export function recordFailure(
  input: PhaseRef & { step: string; code: string; message: string; remedy: string },
  _attempt: Attempt,
): Promise<void> {
  const { step, code, message, remedy, phase, run } = input;
  return withSession(input, async (session) => {
    const scope = { phase, step, run: { workflowId: run.workflowId, runId: run.runId } };
    await writeJournal(session, scope, {
      kind: 'note',
      object: phase,
      detail: { parked: true, code, message, remedy },
    });
  });
}

/** The same for every attempt of one activity of one run. */
function onceKey(ref: PhaseRef): string {
  return `${ref.run.runId} ${activityInfo().activityId}`;
}

async function withSession<T>(ref: PhaseRef, fn: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(ref.connection, `${ref.phase} gate`);
  try {
    return await fn(session);
  } finally {
    await session.close();
  }
}
