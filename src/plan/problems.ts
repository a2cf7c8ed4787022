import { RekeyError } from '../errors.js';

/** Where something stands in a plan, by the words of the file: ['phases', 2, 'tables', 0]. */
export type PlanPath = readonly (string | number)[];

/** Something wrong with a plan, before it is known where in which file it stands. */
export interface PlanProblem {
  /** `plan.<what>`, as in the docs' table of errors */
  code: string;
  path: PlanPath;
  message: string;
  remedy: string;
}

/** What a check found: the code without its `plan.`. */
export function problem(code: string, path: PlanPath, message: string, remedy: string): PlanProblem {
  return { code: `plan.${code}`, path, message, remedy };
}

/** Turns a path into what an operator can go to: `testapp.yaml:12:5 phases[users].window.zone`. */
export type Locate = (path: PlanPath) => string;

/** The path as it is printed. Phases go by name, where they have one. */
export function formatPath(path: PlanPath, phaseName?: (index: number) => string | undefined): string {
  let text = '';
  path.forEach((part, i) => {
    if (typeof part === 'number') {
      const named = i === 1 && path[0] === 'phases' ? phaseName?.(part) : undefined;
      text += `[${named ?? part}]`;
    } else {
      text += text === '' ? part : `.${part}`;
    }
  });
  return text === '' ? 'the plan' : text;
}

/**
 * All that is wrong with a plan, found in one go. It is the first error (code, where, remedy), and carries the others;
 * its message has a line for each of them.
 */
export class PlanErrors extends RekeyError {
  constructor(readonly errors: readonly RekeyError[]) {
    const [first, ...others] = errors as [RekeyError, ...RekeyError[]];
    super('BadInput', {
      ...first.details,
      message: [first.details.message, ...others.map((e) => e.message)].join('\n'),
      remedy: [...new Set(errors.map((e) => e.remedy))].join('\n'),
    });
  }
}

export function planErrors(problems: readonly PlanProblem[], locate: Locate): PlanErrors {
  return new PlanErrors(
    problems.map(
      ({ code, path, message, remedy }) =>
        new RekeyError('BadInput', { code, message, remedy, where: locate(path) }),
    ),
  );
}
