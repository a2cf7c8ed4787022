import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { addDoctor } from './doctor.js';
import { addDryRun } from './dry-run.js';
import { type ExitCode, exitCodesHelp } from './exit-codes.js';
import { addFindings } from './findings.js';
import { addInspect } from './inspect.js';
import { addPlanCheck } from './plan-check.js';
import { addPlanPropose } from './plan-propose.js';
import { addPlanShow } from './plan-show.js';
import { addRestore } from './restore.js';
import { addStatus } from './status.js';
import { addUndo } from './undo.js';
import { addWorker } from './worker.js';

/** The whole command line; `done` is told the exit code of the command that ran. Parsing throws CommanderError. */
export function rekeyProgram(done: (code: ExitCode) => void): Command {
  const program = new Command('rekey')
    .description(
      'Moves a live PostgreSQL database from integer primary keys to UUID primary keys, phase by phase.',
    )
    .version(packageVersion())
    .showHelpAfterError('(rekey --help, or rekey <command> --help, says more)')
    .addHelpText(
      'after',
      `
Connections are names: REKEY_CONNECTION_SHOP holds the URL of the connection shop.
Plans are files in the directory REKEY_PLANS; a path works, too.

${exitCodesHelp}`,
    );
  addInspect(program, done);
  const plan = program.command('plan').description('propose, check and show plans');
  addPlanPropose(plan, done);
  addPlanCheck(plan, done);
  addPlanShow(plan, done);
  addDryRun(program, done);
  addStatus(program, done);
  addFindings(program, done);
  addDoctor(program, done);
  addRestore(program, done);
  addUndo(program, done);
  addWorker(program, done);
  throwAlways(program);
  return program;
}

/** Commander would end the process itself. */
function throwAlways(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwAlways(sub as Command);
}

/** package.json lies above src in a clone and above dist in the package. */
function packageVersion(): string {
  for (
    let directory = __dirname;
    directory !== path.dirname(directory);
    directory = path.dirname(directory)
  ) {
    try {
      const { name, version } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
      if (name === 'pg-rekey') return version;
    } catch {
      // not here
    }
  }
  return 'unknown';
}
