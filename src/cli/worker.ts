import type { Command } from 'commander';
import { type ExitCode, exitCodes } from './exit-codes.js';

export function addWorker(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('worker')
    .description('the process that does the work: polls the task queue rekey until SIGINT or SIGTERM')
    .action(async () => {
      // nothing else of the command needs Temporal's native library
      const { runWorker } = await import('../../worker.js');
      await runWorker();
      done(exitCodes.fine);
    });
}
