import { allHandlersFinished, CancellationScope, condition, patched } from '@temporalio/workflow';
import type { PhaseBrief, PhaseOutcome } from '../activities/contract.js';
import { askAfterReset } from './after-reset.js';
import { close, rollBack } from './compensate.js';
import { listen } from './listen.js';
import { park } from './park.js';
import { cleanUp, layFoundation, moveTables } from './phases.js';
import { parsePhaseRequest, refuseTimeouts, thisRun } from './request.js';
import { RollBack, Run } from './run.js';
import { attempt, failIfWrong } from './steps.js';
import { tellingWhyOf } from './tell-why.js';
import { call } from './world.js';

/** What `runPhase` and `rollBackPhase` end with. */
export interface PhaseResult {
  outcome: 'done' | 'rolled-back';
  phase: string;
  tables: number;
  rows: number;
  seconds: number;
  longestLockMs: number;
  longestStallMs?: number;
  metrics: Record<string, number>;
}

const inOrder = { foundation: layFoundation, tables: moveTables, cleanup: cleanUp };

/**
 * One phase of a plan: its steps forward, its gates, and back by compensations if somebody or the plan says so.
 * Input {plan, connection, phase}. Ends with a PhaseResult, or FAILED with type BadInput where nothing was changed.
 */
export async function runPhase(input: unknown): Promise<PhaseResult> {
  const run = start(input);
  return tellingWhyOf(run, () => forwardOrBack(run));
}

async function forwardOrBack(run: Run): Promise<PhaseResult> {
  try {
    const brief = await open(run, () =>
      call('openPhase', `opens ${run.request.phase}`, { ...run.request, run: thisRun() }),
    );
    if (brief.state !== 'done') await inOrder[brief.kind](run);
    return await end(run, 'done', await run.shield(() => close(run, 'done')));
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
    if (run.brief === null) await withdraw(run);
    return await end(run, 'rolled-back', await rollBack(run, error));
  }
}

/** The parts that a phase and its rollback have in common. */
export function start(input: unknown): Run {
  const run = new Run(parsePhaseRequest(input));
  listen(run);
  refuseTimeouts();
  askAfterReset(run);
  noticeCancel(run);
  return run;
}

/** Claims the database; parks if it can't be reached, throws BadInput for what can't be. */
export async function open<B extends PhaseBrief>(run: Run, claim: () => Promise<B>): Promise<B> {
  const registered = await attempt('registerSearchAttributes', () =>
    call(
      'registerSearchAttributes',
      'search attributes of the Web UI',
      { run: thisRun() },
      { within: 15_000 },
    ),
  );
  run.attributes = registered.result ?? [];
  for (;;) {
    run.enter('running', 'openPhase');
    const { result, failure } = await attempt('openPhase', claim);
    if (result) {
      run.brief = result;
      run.startJournal();
      if (result.cutOver) run.swapped = true;
      if (run.cancelled && isBeyond(result) && patched('beyond-a-cancel')) noteWithout(run, result);
      else run.stopIfCancelled();
      return result;
    }
    run.stopIfCancelled();
    if (failure) {
      failIfWrong(run, failure);
      // the first of what preflight looks at has to be so before there is a journal to open the phase in
      const parked = failure.type === 'Hazard' ? { ...failure, step: 'preflight' } : failure;
      if ((await park(run, parked, ['retry', 'rollback'])) === 'rollback')
        throw new RollBack('it was never opened');
    }
  }
}

/** Done, or past cleanup's first drop: a cancel that came while it was opened has no effect. */
function isBeyond({ kind, state, cutOver }: PhaseBrief): boolean {
  return state === 'done' || (kind === 'cleanup' && cutOver);
}

function noteWithout(run: Run, { state }: PhaseBrief): void {
  const why = state === 'done' ? 'the phase is done' : 'cleanup has begun to drop, only forward is left';
  run.note(`a cancel had no effect: ${why}`);
}

/**
 * Cancelled or given up while it was opened: the database may have heard of it, and would say for ever that the phase is
 * open. What is found so is undone and closed like any other phase.
 */
export async function withdraw(run: Run): Promise<void> {
  if (!patched('withdraws-its-opening')) return;
  const { result, failure } = await run.shield(() =>
    attempt('withdrawOpening', () =>
      call(
        'withdrawOpening',
        'takes back what opening the phase has left',
        { ...run.request, run: thisRun() },
        { within: 20_000 },
      ),
    ),
  );
  if (failure)
    run.note(
      `what opening the phase has left could not be taken back (${failure.code}): rekey doctor shows it`,
    );
  if (result === null || isBeyond(result)) return;
  run.brief = result;
  if (result.cutOver) run.swapped = true;
  run.startJournal();
}

export async function end(
  run: Run,
  outcome: PhaseResult['outcome'],
  figures: PhaseOutcome | null,
): Promise<PhaseResult> {
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  await run.journalled();
  const {
    tables = 0,
    rows = 0,
    seconds = 0,
    longestLockMs = 0,
    longestStallMs,
    metrics = {},
  } = figures ?? {};
  return { outcome, phase: run.request.phase, tables, rows, seconds, longestLockMs, longestStallMs, metrics };
}

/** A request to cancel can't be refused; where it changes nothing, everybody must be able to see that. */
function noticeCancel(run: Run): void {
  run.root.cancelRequested.catch(() => {
    const at = new Date().toISOString();
    if (run.noReturn || (run.step === 'dropLegacy' && run.state === 'running')) {
      run.note(`a cancel had no effect: cleanup has begun to drop, only forward is left`);
      run.wayBack = { open: false, because: `cleanup has begun to drop; the cancel of ${at} had no effect` };
    } else if (run.step === 'closePhase' && run.state !== 'rolling-back') {
      run.note('a cancel had no effect: the phase is done');
    } else if (run.state === 'rolling-back') {
      run.note('a cancel had no effect: the phase rolls back already');
    } else {
      run.note('cancelled: rolls back when the step that is under way has stopped');
    }
    run.changed();
  });
}
