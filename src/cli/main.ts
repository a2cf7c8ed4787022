import { CommanderError } from 'commander';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.js';
import { failureJson, failureText } from './failure.js';
import { visible } from './output.js';
import { rekeyProgram } from './program.js';

/** What bin/rekey.js loads: runs the command line of this process and leaves its exit code. */
async function main(): Promise<ExitCode> {
  let code: ExitCode = exitCodes.fine;
  try {
    await rekeyProgram((given) => {
      code = given;
    }).parseAsync(process.argv);
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) report(error);
    return exitCodeOf(error);
  }
}

function report(error: unknown): void {
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify(failureJson(error), null, 2)}\n`);
  process.stderr.write(visible(failureText(error)));
  if (process.env.REKEY_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

// `rekey dry-run ... | head` closes the pipe: that is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

void main().then((code) => {
  process.exitCode = code;
});
