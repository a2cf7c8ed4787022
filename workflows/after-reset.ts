import { CancellationScope, condition, patched, sleep, workflowInfo } from '@temporalio/workflow';
import type { Run } from './run.js';
import { attempt } from './steps.js';
import { call } from './world.js';

/**
 * A reset takes the workflow back, and the database stays as it is: what the workflow remembers of the way back may be
 * wrong. So the database is asked once for each reset, as soon as the past has been gone through. During that the patch is
 * not there, which is what keeps the question out of a history that has none; the answer says which run has asked, so
 * that a second reset, which knows of the first, asks anew.
 */
export function askAfterReset(run: Run): void {
  const { runId, firstExecutionRunId } = workflowInfo();
  let askedBy = firstExecutionRunId;
  void CancellationScope.nonCancellable(async () => {
    for (let nth = 1; ; nth += 1) {
      await condition(() => askedBy !== runId && run.brief !== null && patched(`asks-after-reset-${nth}`));
      const { result } = await attempt('wayBack', () =>
        call('wayBack', 'is the way back open, after the reset', run.ref, { within: 600_000 }),
      );
      if (result) {
        askedBy = result.askedBy ?? runId;
        // what closed it is known better already
        if (!(run.noReturn && !result.open)) run.wayBack = { open: result.open, because: result.because };
        run.changed();
      } else await sleep(nth * 600_000);
    }
  });
}
