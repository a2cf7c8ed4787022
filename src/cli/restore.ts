import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { type RestoredBackup, restoreBackup } from '../backup/restore.js';
import { RekeyError } from '../errors.js';
import { parseTable } from '../plan/names.js';
import { connectionConfig } from '../postgres/environment.js';
import { fromPostgres } from '../postgres/from-postgres.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { onInterrupt } from './interrupt.js';
import { duration, plural, wrap } from './layout.js';
import { print } from './output.js';

interface RestoreOptions {
  into: string;
  table?: string[];
  owners: boolean;
  intoNonEmpty?: boolean;
  intoSource?: boolean;
  json?: boolean;
}

export function addRestore(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('restore')
    .description('a verified backup, whole or single tables, into another database')
    .argument('<backup>', 'its directory, or its path below REKEY_BACKUPS: <database>/<backup>')
    .requiredOption('--into <connection>', 'name of a connection, or a URL without a password')
    .option('--table <table...>', 'rows of these tables only')
    .option('--no-owners', 'everything belongs to the role that restores; no grants')
    .option('--into-non-empty', 'the database may have objects already')
    .option('--into-source', 'into the very database that the backup was taken of')
    .option('--json', 'for machines')
    .action(async (backup: string, options: RestoreOptions) => {
      const directory = directoryOf(backup);
      const request = {
        directory,
        targetUrl: targetOf(options.into),
        tables: options.table?.map(tableOf),
        owners: options.owners ? ('keep' as const) : ('leave-out' as const),
        intoNonEmpty: options.intoNonEmpty,
        intoSource: options.intoSource,
      };
      const result = await restoreBackup(request, tell(), onInterrupt(interrupted())).catch(
        (error: unknown) => {
          throw fromPostgres(error);
        },
      );
      print(options.json ? { backup: directory, ...result } : restoredText(directory, result));
      done(exitCodes.fine);
    });
}

function interrupted(): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'restore.interrupted',
    message: 'the restore was interrupted, and the target may be half filled',
    remedy: 'Drop the target database, make it again and restore once more.',
  });
}

/** Says on stderr what it is doing, where somebody looks on: a large backup takes hours. */
function tell(): (progress: { doing: string }) => void {
  let before = '';
  return ({ doing }) => {
    if (doing !== before && process.stderr.isTTY) process.stderr.write(`${doing} ...\n`);
    before = doing;
  };
}

function directoryOf(backup: string): string {
  const root = process.env.REKEY_BACKUPS;
  const below = root && !path.isAbsolute(backup) ? path.resolve(root, backup) : null;
  return below && existsSync(path.join(below, 'manifest.json')) ? below : path.resolve(backup);
}

function tableOf(name: string): string {
  const table = parseTable(name);
  if (table !== null) return table;
  throw new RekeyError('BadInput', {
    code: 'restore.no-table',
    message: `"${name}" is no name of a table`,
    remedy: 'Write it as in the plan: [schema.]table.',
  });
}

function targetOf(into: string): string {
  if (!/^postgres(ql)?:\/\//.test(into)) return connectionConfig(into).connectionString as string;
  if (!/^[^/]*\/\/[^/@:]*:[^/@]+@/.test(into)) return into;
  throw new RekeyError('BadInput', {
    code: 'connection.url',
    message: 'the URL holds a password, and every user of this machine can read the arguments of a command',
    remedy:
      'Put the URL into REKEY_CONNECTION_SCRATCH, and write --into scratch; or leave the password to ~/.pgpass.',
  });
}

export function restoredText(directory: string, result: RestoredBackup): string {
  const { tables, rows, leftOut, seconds } = result;
  const lines = [
    `restored ${plural(tables, 'table')} with ${plural(rows, 'row')} in ${duration(seconds)}, counted in the target`,
  ];
  lines.push(wrap('from', directory));
  if (leftOut.length)
    lines.push('', `left out (${leftOut.length}):`, ...leftOut.map((what) => wrap('', what, 2, 0)));
  return `${lines.join('\n')}\n`;
}
