import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/contract.js';
import { errorTypes } from '../src/errors.js';

/**
 * How activities are called. They are retried without limit while their failure may pass: they count their own
 * failures and give up non-retryably, so that restarts of workers never use tries up. A cancel waits until the
 * activity has really stopped, so that no compensation begins beside it.
 */
const options = {
  startToCloseTimeout: '90 days',
  heartbeatTimeout: '10s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: {
    initialInterval: '1s',
    backoffCoefficient: 2,
    maximumInterval: '30s',
    nonRetryableErrorTypes: Object.entries(errorTypes)
      .filter(([, { retryable }]) => !retryable)
      .map(([type]) => type),
  },
} as const;

const world = proxyActivities<Activities>(options);

export interface CallLimits {
  /** for what must not hold the phase up: retries included, in ms */
  within?: number;
}

/** Calls one activity with a one-line summary that the Web UI shows beside it. */
export function call<K extends keyof Activities>(
  name: K,
  summary: string,
  request: Parameters<Activities[K]>[0],
  limits: CallLimits = {},
): Promise<Awaited<ReturnType<Activities[K]>>> {
  const activity = world[name] as unknown as {
    executeWithOptions(options: object, args: unknown[]): Promise<Awaited<ReturnType<Activities[K]>>>;
  };
  const limited = limits.within === undefined ? {} : { scheduleToCloseTimeout: limits.within };
  return activity.executeWithOptions({ ...options, ...limited, summary: summary.slice(0, 180) }, [request]);
}
