import { CancellationScope, condition } from '@temporalio/workflow';
import type { Gate } from '../src/decisions/model.js';
import { deadlineAfter, lookAgainAfter } from '../src/decisions/rarely.js';
import type { Checkpoint } from '../src/plan/model.js';
import { RollBack, type Run, stoppable } from './run.js';
import { attempt, runStep } from './steps.js';
import { call } from './world.js';

const hour = 3_600_000;

/** What is looked at again while people make up their minds; false voids the approvals and closes the opening. */
export type Recheck = () => Promise<boolean>;

export type GateEnd = { approved: true; opening: number } | { approved: false };

/**
 * Waits at a checkpoint for its approvals. Signals and the update change `run.gate`, judged on arrival; here only
 * time passes. A reject, a cancel and a timeout that rolls back throw RollBack; no timeout ever opens the gate.
 * The opening is left open where `keepOpen`: the step that it allows asks the journal for it.
 */
export async function waitAtGate(
  run: Run,
  checkpoint: Checkpoint,
  { recheck = null, keepOpen = false }: { recheck?: Recheck | null; keepOpen?: boolean } = {},
): Promise<GateEnd> {
  await run.holdWhilePaused();
  const gate = await openGate(run, checkpoint);
  run.enter('waiting-for-approval', checkpoint.checkpoint);
  let end: GateEnd | null = null;
  try {
    end = await stoppable(() => untilDecided(run, checkpoint, recheck));
  } finally {
    if (end?.approved && keepOpen) run.keptOpen = gate;
    else closeGate(run, gate);
  }
  run.enter('running', checkpoint.checkpoint);
  return end;
}

/** Closes an opening in the journal; no decision counts there any more. */
export function closeGate(run: Run, { checkpoint, opening }: Gate, outcome: string | null = null): void {
  if (run.keptOpen?.opening === opening) run.keptOpen = null;
  if (run.gate?.opening === opening && run.gate.state === 'open')
    run.gate = { ...run.gate, state: 'cancelled' };
  const how = outcome ?? run.gate?.state ?? 'cancelled';
  run.later(() =>
    call('closeGate', `${checkpoint}: ${how}`, { ...run.ref, gate: checkpoint, opening, outcome: how }),
  );
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

async function openGate(run: Run, checkpoint: Checkpoint): Promise<Gate> {
  const { checkpoint: name, approvals, from, trust, checklist, timeout } = checkpoint;
  const deadline = timeout === null ? null : Date.now() + timeout;
  const request = { ...run.ref, gate: name, deadline: iso(deadline), parked: false };
  const opened = await runStep(run, {
    step: name,
    forward: () => call('openGate', `opens ${name}`, request),
  });
  const gate: Gate = {
    checkpoint: name,
    opening: opened?.opening ?? 0,
    planHash: run.planHash,
    openedAt: Date.now(),
    deadline,
    needed: approvals,
    from,
    trust,
    checklist,
    canReject: !run.noReturn,
    approvals: [],
    state: 'open',
    rejectedBy: null,
  };
  run.gate = gate;
  run.gateValidation = null;
  return gate;
}

async function untilDecided(run: Run, checkpoint: Checkpoint, recheck: Recheck | null): Promise<GateEnd> {
  const often = run.brief?.revalidate ?? hour;
  const every = (openedAt: number) => {
    const waited = Date.now() - openedAt;
    // as runs did that began before this was counted
    if (!run.brief?.history) return waited < 48 * hour ? often : 6 * often;
    return lookAgainAfter(often, waited);
  };
  let due = Date.now() + every(Date.now());
  let looks = recheck;
  let checking: Checking | null = null;
  for (;;) {
    const gate = run.gate;
    if (gate === null) return { approved: false };
    if (gate.state === 'approved') {
      await checking?.stop();
      return { approved: true, opening: gate.opening };
    }
    if (gate.state === 'rejected') {
      await checking?.stop();
      throw new RollBack(`${gate.checkpoint} was rejected by ${gate.rejectedBy ?? 'somebody'}`);
    }
    if (checking?.ended) {
      if (checking.passed === false) {
        run.gate = { ...gate, state: 'voided', approvals: [] };
        return { approved: false };
      }
      checking = null;
      due = Date.now() + every(gate.openedAt);
      run.changed();
    }
    const now = Date.now();
    if (gate.deadline !== null && now >= gate.deadline) {
      await checking?.stop();
      checking = null;
      await onTimeout(run, gate, checkpoint);
      continue;
    }
    if (looks && checking === null && run.full >= 1) {
      looks = null;
      run.note('it has waited for so long that its history is nearly full: it looks no more while it waits');
      run.changed();
    }
    if (looks && checking === null && now >= due) checking = check(run, looks);
    const wake = Math.min(
      gate.deadline ?? Number.POSITIVE_INFINITY,
      checking || !looks ? Number.POSITIVE_INFINITY : due,
    );
    const changed = () => run.gate?.state !== 'open' || checking?.ended === true;
    if (wake === Number.POSITIVE_INFINITY) await condition(changed);
    else await condition(changed, Math.max(1, wake - now), { summary: timerSummary(gate, wake) });
  }
}

function timerSummary(gate: Gate, wake: number): string {
  return wake === gate.deadline
    ? `deadline of ${gate.checkpoint}`
    : `next look while ${gate.checkpoint} waits`;
}

/** Never proceeds: rolls back, or makes it known and opens the next deadline under the same opening. */
async function onTimeout(run: Run, gate: Gate, { onTimeout: plan, timeout }: Checkpoint): Promise<void> {
  if (plan === 'rollback' && !run.noReturn) {
    run.gate = { ...gate, state: 'timed-out' };
    throw new RollBack(`${gate.checkpoint} was not approved in time`);
  }
  const deadline = Date.now() + deadlineAfter(timeout ?? hour, run.full);
  run.gate = { ...gate, deadline };
  run.note(`${gate.checkpoint} was not approved by ${new Date(gate.deadline ?? 0).toISOString()}: escalated`);
  run.changed();
  if (!run.brief?.hooks.escalate) return;
  const key = `escalate:${gate.opening}:${gate.deadline}`;
  const request = { ...run.ref, moment: 'escalate' as const, key };
  const { failure } = await attempt('escalate', () =>
    call('runHook', `escalates ${gate.checkpoint}`, request, { within: 300_000 }),
  );
  if (failure) run.note(`the hook escalate failed (${failure.code})`);
}

interface Checking {
  ended: boolean;
  passed: boolean | null;
  stop(): Promise<void>;
}

/** Runs beside the wait, so that a decision or the deadline never waits for a validation. */
function check(run: Run, recheck: Recheck): Checking {
  const scope = new CancellationScope();
  const running = scope.run(recheck).then(
    (passed) => {
      checking.passed = passed;
      checking.ended = true;
    },
    // it could not look, or was stopped: that says nothing about the data
    () => {
      if (!scope.consideredCancelled)
        run.note('the last look while waiting could not be taken; the next one follows');
      checking.ended = true;
    },
  );
  const checking: Checking = {
    ended: false,
    passed: null,
    stop: async () => {
      scope.cancel();
      await running;
    },
  };
  return checking;
}
