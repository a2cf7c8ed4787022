import { CancellationScope } from '@temporalio/workflow';
import { park } from './park.js';
import type { Run } from './run.js';
import { attempt, failIfWrong } from './steps.js';

/**
 * What has to happen, whatever is cancelled: a compensation, a hook that starts the application again, cleanup after
 * its first drop. Where it fails it parks, and only `retry` remains.
 */
export async function insist(run: Run, step: string, work: () => Promise<unknown>): Promise<void> {
  const before = run.wayBack;
  let closed = false;
  await CancellationScope.nonCancellable(async () => {
    for (;;) {
      const { failure } = await attempt(step, work);
      if (failure === null) {
        if (closed) run.wayBack = before;
        return;
      }
      if (failure.type === 'NotOwner') failIfWrong(run, failure);
      closed = failure.type === 'SchemaMoved';
      if (closed)
        run.wayBack = { open: false, because: `${failure.message}; take it back and the way is open again` };
      await park(run, failure, ['retry']);
    }
  });
}
