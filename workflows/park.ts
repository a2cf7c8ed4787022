import { CancellationScope, condition } from '@temporalio/workflow';
import type { Action, Parking } from '../src/decisions/model.js';
import { describeFailure, type Failure } from './failure.js';
import { RollBack, type Run } from './run.js';
import { call } from './world.js';

/**
 * A step failed and no retry of its own helps: says so everywhere and waits for `resolve`. A cancel while it waits is
 * the wish to roll back, except where the scope can't be cancelled: there only what `actions` lists remains.
 */
export async function park(run: Run, failure: Failure, actions: Action[]): Promise<Action> {
  const { state, step: interrupted } = run;
  const { step, code, message, remedy } = failure;
  const opening = await CancellationScope.nonCancellable(() => openParking(run, failure, actions));
  run.failure = { step, code, message, remedy };
  const parking: Parking = { step, opening, planHash: run.planHash, actions, action: null, by: null };
  run.parking = parking;
  run.enter('parked', step);
  let action: Action;
  try {
    await condition(() => run.parking?.action != null);
    action = run.parking?.action ?? 'retry';
  } catch (error) {
    if (!run.cancelled) throw error;
    action = 'rollback';
  }
  closeParking(run, parking, action);
  run.parking = null;
  run.failure = null;
  run.enter(state, interrupted);
  return action;
}

/** The actions of a step that goes forward; `rollback` leaves by RollBack. */
export async function parkForward(run: Run, failure: Failure, skippable: boolean): Promise<'retry' | 'skip'> {
  const actions: Action[] = run.noReturn
    ? ['retry']
    : skippable
      ? ['retry', 'skip', 'rollback']
      : ['retry', 'rollback'];
  const by = await park(run, failure, actions);
  if (by === 'rollback') throw new RollBack(`${failure.step} failed (${failure.code})`);
  return by;
}

/** A number from the journal; from the clock where the journal can't be reached, so that it is never used twice. */
async function openParking(run: Run, failure: Failure, actions: Action[]): Promise<number> {
  const fromTheClock = Math.floor(Date.now() / 1000);
  if (run.brief === null || !run.hasJournal) return fromTheClock;
  const { step, code, message, remedy } = failure;
  try {
    const request = { ...run.ref, gate: step, deadline: null, parked: true, actions };
    const { opening } = await call('openGate', `${step} parks`, request, { within: 60_000 });
    run.later(() => call('recordFailure', `why ${step} parks`, { ...run.ref, step, code, message, remedy }));
    return opening;
  } catch (error) {
    run.note(`the journal could not be told that ${step} parks (${describeFailure('openGate', error).code})`);
    return fromTheClock;
  }
}

function closeParking(run: Run, { step, opening }: Parking, outcome: string): void {
  if (run.brief === null) return;
  run.later(() =>
    call(
      'closeGate',
      `${step}: ${outcome}`,
      { ...run.ref, gate: step, opening, outcome },
      { within: 60_000 },
    ),
  );
}
