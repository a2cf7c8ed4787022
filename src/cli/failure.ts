import { RekeyError } from '../errors.js';
import { PlanErrors } from '../plan/problems.js';
import { plural, wrap } from './layout.js';

/** What an error looks like on a terminal: what, where, what to do, its code; never a stack. */
export function failureText(error: unknown): string {
  if (error instanceof PlanErrors) return planErrorsText(error);
  if (!(error instanceof RekeyError)) {
    const name = error instanceof Error ? error.name : 'unknown';
    return [
      `rekey: an internal error (${name}). This is a bug of Rekey.`,
      '',
      wrap('do', 'Run it again with REKEY_DEBUG=1 to see where it happened, and report that.'),
      wrap('code', 'internal'),
      '',
    ].join('\n');
  }
  return `${['rekey: cannot go on', '', problemText(error), ''].join('\n')}`;
}

export function failureJson(error: unknown): object {
  const errors = error instanceof PlanErrors ? error.errors : [error];
  return {
    errors: errors.map((one) =>
      one instanceof RekeyError
        ? { type: one.type, ...one.details, remedy: here(one.remedy) }
        : { type: 'Internal', code: 'internal', message: 'an internal error' },
    ),
  };
}

export function planErrorsText({ errors }: PlanErrors): string {
  return [plural(errors.length, 'problem'), ...errors.map((e) => `\n${problemText(e)}`), ''].join('\n');
}

/** One problem in four short paragraphs. */
export function problemText(problem: {
  message: string;
  remedy: string;
  code: string;
  where?: string;
}): string {
  const { message, where } = problem;
  const what = where && message.startsWith(`${where}: `) ? message.slice(where.length + 2) : message;
  return [
    ...(where ? [wrap('where', where)] : []),
    wrap('what', what),
    wrap('do', here(problem.remedy)),
    wrap('code', problem.code),
  ].join('\n');
}

/**
 * The steps of `undo` are those of a phase, whose remedies speak of the workflow that would try them again; here it is whoever
 * reads it.
 */
export function toldToTypeAgain(error: unknown): unknown {
  if (!(error instanceof RekeyError)) return error;
  return new RekeyError(error.type, { ...error.details, remedy: typedAgain(error.remedy) });
}

const resolved = /\bresolve(?: \S+| the step)? with retry(?: or rollback)?(?:, or type the command again)?/gi;

function typedAgain(remedy: string): string {
  return remedy
    .replace(/,? (?:and )?start (?:the worker|it) again(?=[.,]|$)/, '')
    .replace(resolved, (text) => `${text.startsWith('R') ? 'Type' : 'type'} the same command again`)
    .replace(/, or roll the phase back(?: and start it again)?/, '')
    .replace(
      /\b(?:in the worker's environment|in the environment of every worker)\b/,
      'in the environment of this command',
    )
    .replace(/\bon (?:the|every) worker\b/, 'here');
}

/** Remedies speak to whoever reads a workflow; on a terminal it is this very command that looked. */
function here(remedy: string): string {
  return remedy.replace(/\bin the environment of the worker\b/, 'in the environment of this command');
}
