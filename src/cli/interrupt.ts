import type { RekeyError } from '../errors.js';

/** Aborts with the error when the command is interrupted, so that what it began at the server ends, too. */
export function onInterrupt(error: RekeyError): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort(error));
  return controller.signal;
}
