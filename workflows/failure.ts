import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { FailureStatus } from '../src/decisions/status.js';
import type { ErrorDetails, ErrorType } from '../src/errors.js';

/** Why a step did not end well, in the words of `status`. */
export interface Failure extends FailureStatus {
  type: ErrorType | 'Cancelled';
  where: string | null;
}

/** Reads what an activity's failure carries: its type, and details `[{code, remedy, where}]`. */
export function describeFailure(step: string, error: unknown): Failure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const details = (cause.details?.[0] ?? {}) as Partial<ErrorDetails>;
    return {
      step,
      type: (cause.type ?? 'StepFailed') as ErrorType,
      code: details.code ?? 'step.failed',
      message: withoutRemedy(cause.message, details.remedy).slice(0, 2000),
      remedy:
        details.remedy ?? `Look at the worker's log, repair the cause, then resolve ${step} with retry.`,
      where: details.where ?? null,
    };
  }
  if (isCancellation(error) || cause instanceof CancelledFailure) {
    return {
      step,
      type: 'Cancelled',
      code: 'step.cancelled',
      message: `${step} was cancelled`,
      remedy: '',
      where: null,
    };
  }
  if (cause instanceof TimeoutFailure) {
    return {
      step,
      type: 'StepFailed',
      code: 'step.timeout',
      message: `no worker has reported on ${step} for too long`,
      remedy: `See that a worker runs on this task queue, then resolve ${step} with retry.`,
      where: null,
    };
  }
  return {
    step,
    type: 'StepFailed',
    code: 'step.failed',
    message: `${step} failed`,
    remedy: `Look at the worker's log, repair the cause, then resolve ${step} with retry.`,
    where: null,
  };
}

/** What fails a workflow at once: nothing was changed, and no resolution could help. */
export function badInput(
  details: Omit<ErrorDetails, 'where'> & { where?: string | null },
): ApplicationFailure {
  return ending('BadInput', details);
}

/**
 * What a workflow ends FAILED with. `temporal workflow result` shows the message and the stack of a failure and none of
 * its details: so the message says what to do as well, and there is no stack.
 */
export function ending(
  type: string,
  { code, message, remedy, where }: Omit<ErrorDetails, 'where'> & { where?: string | null },
): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type,
    message: `${withoutRemedy(message, remedy).replace(/\.$/, '')}${before}${remedy}`,
    nonRetryable: true,
    details: [{ code, remedy, where: where ?? undefined }],
  });
  failure.stack = '';
  return failure;
}

const before = '. ';

function withoutRemedy(message: string, remedy: string | undefined): string {
  const end = `${before}${remedy}`;
  return remedy && message.endsWith(end) ? message.slice(0, -end.length) : message;
}
