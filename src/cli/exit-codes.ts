import { CommanderError } from 'commander';
import { RekeyError } from '../errors.js';

/** What a script can tell from the exit code of `rekey`; the help text and docs say the same. */
export const exitCodes = {
  fine: 0,
  /** it ran, and found something: hazards, failed validations, a damaged backup */
  problems: 1,
  /** the command line, the plan's name or the environment is wrong */
  usage: 2,
  /** PostgreSQL or Temporal does not let us in */
  unreachable: 3,
  /** a bug of Rekey's */
  internal: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `Exit codes:
  0  fine
  1  problems found (hazards, wrong words in a plan, failed validations)
  2  wrong usage: arguments, environment, a plan or connection that is not there
  3  PostgreSQL or Temporal can not be reached
  4  internal error`;

const cannotReach = new Set([
  'connection.no-answer',
  'connection.refused',
  'connection.no-database',
  'connection.lost',
  'connection.ended',
  'temporal.no-answer',
]);

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
  if (!(error instanceof RekeyError)) return exitCodes.internal;
  if (cannotReach.has(error.code)) return exitCodes.unreachable;
  return error.type === 'BadInput' ? exitCodes.usage : exitCodes.problems;
}
