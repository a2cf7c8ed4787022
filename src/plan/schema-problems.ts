import type { z } from 'zod';
import type { PlanPath, PlanProblem } from './problems.js';

/** What zod found, in the plan's words. */
export function schemaProblems(error: z.ZodError, data: unknown): PlanProblem[] {
  const found = error.issues.flatMap((issue): PlanProblem[] => {
    const path = issue.path as PlanPath;
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      return issue.keys.map((key, i) => ({
        code: 'plan.unknown-word',
        path: [...path, key],
        message: messages[i] ?? `"${key}" is not known here`,
        remedy: 'Correct the word, or take it out; docs/plan-reference.md has all words.',
      }));
    }
    if (valueAt(data, path) === undefined && path.length > 0) {
      return [missing(path)];
    }
    const given = issue.code === 'custom' ? (issue.params?.code as string | undefined) : undefined;
    const code = given ?? (issue.code === 'invalid_type' ? 'plan.wrong-type' : 'plan.bad-value');
    return [{ code, path, message: issue.message, remedy: remedies[code] ?? fallback }];
  });
  // A word that was misspelt is not missing as well.
  const misspelt = new Set(
    found.flatMap(({ code, path, message }) => {
      const meant = code === 'plan.unknown-word' ? /did you mean (.+)\?\)$/.exec(message)?.[1] : undefined;
      return meant === undefined ? [] : [JSON.stringify([...path.slice(0, -1), meant])];
    }),
  );
  return found.filter(({ code, path }) => code !== 'plan.missing' || !misspelt.has(JSON.stringify(path)));
}

const fallback = 'Correct the value; docs/plan-reference.md has all words with their units.';

const remedies: Record<string, string> = {
  'plan.missing': 'Add the word; docs/plan-reference.md says what it means.',
  'plan.bad-duration': 'Write a number and a unit, as 150ms, 10s, 10min, 48h or 2d.',
  'plan.bad-size': 'Write a whole number and its unit: MB, GB or TB.',
  'plan.bad-share': 'Write a number and a percent sign, as 10%.',
  'plan.bad-name':
    'Write names as in the catalog (case counts); quote a part that has a dot in it with double quotes.',
  'plan.name-too-long': 'Give a shorter name.',
};

function missing(path: PlanPath): PlanProblem {
  return {
    code: 'plan.missing',
    path,
    message: `"${path.at(-1)}" is missing`,
    remedy: remedies['plan.missing']!,
  };
}

export function valueAt(data: unknown, path: PlanPath): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
