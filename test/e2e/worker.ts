import { runWorker } from '../../worker.js';

/** The worker as it is in production, in a process of its own for a test to kill; only the bundle is made beforehand. */
void runWorker({ bundle: process.env.REKEY_TEST_BUNDLE }).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
