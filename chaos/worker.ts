import { runWorker } from '../worker.js';

/** A worker to kill: as it is in production, only the workflows are bundled beforehand. */
runWorker({ bundle: process.env.REKEY_CHAOS_BUNDLE }).catch((error: unknown) => {
  console.error('the worker ended:', error);
  process.exitCode = 1;
});
