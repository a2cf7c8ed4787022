import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { RekeyError } from '../src/errors.js';
import { giveUp, remedyOnceGivenUp } from './give-up.js';

/** What an activity may ask of Temporal. In tests, and for the last resort without Temporal, it is something simpler. */
export interface Attempt {
  signal: AbortSignal;
  /** shows progress: figures and names, at most a few hundred bytes */
  heartbeat: (progress: object) => void;
  /** ms for which the server has not answered, over all attempts since it last did; told to the next one by heartbeat */
  outage: () => number;
  /** counts a failure that not even the journal could take: how many those are, over all attempts; told on by heartbeat */
  untold: () => number;
}

/** ms between heartbeats: a tenth of what the server waits for the next one, so that a busy event loop loses none */
const beat = 1_000;

/** 64 kB: a result is part of the history for ever. */
const resultLimit = 65_536;

/**
 * Makes an activity of a function: heartbeats from a timer (one long statement gives no occasion of its own), turns
 * errors into failures without row data, and refuses a result that does not belong in a history.
 */
export function asActivity<I, R>(
  name: string,
  fn: (input: I, attempt: Attempt) => Promise<R>,
): (input: I) => Promise<R> {
  return async (input) => {
    const context = Context.current();
    const began = performance.now();
    // Temporal's clock: the attempts of a step run on machines whose clocks differ, and one may jump
    const now = () => context.info.currentAttemptScheduledTimestampMs + (performance.now() - began);
    let progress: object = {};
    let outageSince = toldBefore(context.info.heartbeatDetails, 'outageSince');
    let untold = toldBefore(context.info.heartbeatDetails, 'untold') ?? 0;
    const tell = () =>
      context.heartbeat({
        ...(outageSince === null ? progress : { outageSince }),
        ...(untold > 0 ? { untold } : {}),
      });
    const timer = setInterval(tell, beat);
    const attempt: Attempt = {
      signal: context.cancellationSignal,
      heartbeat: (latest) => {
        progress = latest;
        // whoever tells of progress has had an answer
        outageSince = null;
      },
      outage: () => {
        outageSince ??= now();
        tell();
        return now() - outageSince;
      },
      untold: () => {
        untold += 1;
        tell();
        return untold;
      },
    };
    try {
      tell();
      const result = await fn(input, attempt);
      const bytes = Buffer.byteLength(JSON.stringify(result) ?? '');
      if (bytes > resultLimit) throw new Error(`the result of ${name} has ${bytes} bytes`);
      return result;
    } catch (error) {
      throw asFailure(name, error, attempt);
    } finally {
      clearInterval(timer);
    }
  };
}

function asFailure(name: string, error: unknown, attempt: Attempt): Error {
  if (error instanceof CancelledFailure) return error;
  if (attempt.signal.aborted) return new CancelledFailure(`${name} was cancelled`);
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof RekeyError) {
    const { code, message, where, sqlstate } = error.details;
    const gaveUp = error.retryable && giveUp(error, attempt.outage);
    const remedy = gaveUp ? remedyOnceGivenUp(error.details.remedy) : error.details.remedy;
    return ApplicationFailure.create({
      type: error.type,
      message: where ? `${where}: ${message}` : message,
      nonRetryable: !error.retryable || gaveUp,
      details: [{ code, remedy, where, sqlstate }],
    });
  }
  // A bug of ours. Its text may hold anything, so that it goes to the worker's log and not into the history.
  console.error(`rekey: ${name} failed unexpectedly`, error);
  return ApplicationFailure.create({
    type: 'StepFailed',
    message: `${name} failed for a reason that Rekey does not know`,
    nonRetryable: true,
    details: [
      {
        code: 'internal',
        remedy: "Read the worker's log, report it, then resolve the step with retry or rollback.",
      },
    ],
  });
}

function toldBefore(details: unknown, word: 'outageSince' | 'untold'): number | null {
  const [last] = Array.isArray(details) ? details : [details];
  const told = (last as Record<string, unknown> | null | undefined)?.[word];
  return typeof told === 'number' ? told : null;
}
