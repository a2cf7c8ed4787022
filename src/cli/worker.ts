import type { Command } from 'commander';
import { RekeyError } from '../errors.js';
import { type ExitCode, exitCodes } from './exit-codes.js';

export function addWorker(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('worker')
    .description('the process that does the work: polls the task queue rekey until SIGINT or SIGTERM')
    .action(async () => {
      // nothing else of the command needs Temporal's native library
      const { runWorker } = await import('../../worker.js');
      await runWorker().catch((error: unknown) => {
        throw isSilence(error) ? silent() : error;
      });
      done(exitCodes.fine);
    });
}

/** As the native client and the gRPC client call a server that is not there. */
function isSilence(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: unknown };
  return name === 'TransportError' || name === 'ServiceError' || code === 14 || code === 4;
}

function silent(): RekeyError {
  return new RekeyError('Transient', {
    code: 'temporal.no-answer',
    message: `no Temporal server answers at ${process.env.TEMPORAL_ADDRESS ?? 'the address of the profile, or 127.0.0.1:7233'}`,
    remedy: 'Start it, or set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.',
  });
}
