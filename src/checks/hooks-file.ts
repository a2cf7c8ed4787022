import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { RekeyError } from '../errors.js';
import { locator } from '../plan/document.js';
import { didYouMean } from '../plan/nearest.js';
import { PlanErrors } from '../plan/problems.js';
import { durationForm, parseDuration } from '../plan/units.js';

/** What the worker's own configuration says a hook runs: plans name hooks and never say commands. */
export interface Hook {
  /** program and arguments; no shell reads them */
  command: [string, ...string[]];
  /** ms */
  timeout: number;
  /** beside the worker's own environment */
  env: Record<string, string>;
}

export type Hooks = ReadonlyMap<string, Hook>;

const defaultTimeout = 60_000;
const words = ['command', 'timeout', 'env'];

const duration = z.string({ error: () => `must be ${durationForm}` }).transform((text, ctx) => {
  const ms = parseDuration(text);
  if (typeof ms === 'number' && ms > 0) return ms;
  ctx.addIssue({
    code: 'custom',
    message: typeof ms === 'number' ? 'must be longer than nothing' : ms.wrong,
  });
  return z.NEVER;
});

const part = z
  .string({ error: () => 'must be a text (put numbers in quotes)' })
  .refine((text) => !text.includes('\0'), { error: 'must not have a null character in it' });

const listForm = 'must be a list of the program and its arguments: [program, argument]';

const hook = z.strictObject(
  {
    command: z.array(part, { error: () => listForm }).transform((parts, ctx): [string, ...string[]] => {
      const [program, ...rest] = parts;
      if (program) return [program, ...rest];
      ctx.addIssue({ code: 'custom', message: listForm });
      return z.NEVER;
    }),
    timeout: duration.optional(),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), part, {
        error: () => 'must be a mapping of names (letters, digits and _) to texts',
      })
      .optional(),
  },
  {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? undefined : `must be a mapping with ${words.join(', ')}`,
  },
);

const file = z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/), hook, {
  error: () => 'must be a mapping of hook names to what they run',
});

/**
 * Reads the file that REKEY_HOOKS names. No path: no hooks. Throws BadInput `hook.file`, with file, line, column and field
 * of everything that is wrong.
 */
export async function loadHooks(path: string | undefined): Promise<Hooks> {
  if (!path) return new Map();
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw wrong([{ where: path, message: `can't be read (${reason})` }]);
  }
  return readHooks(text, path);
}

/** As loadHooks, of a text. */
export function readHooks(text: string, fileName: string): Hooks {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0)
    throw wrong(
      broken.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return { where: `${fileName}:${line}:${col}`, message: `this is not YAML: ${error.message}` };
      }),
    );
  if (document.contents === null) return new Map();
  const parsed = file.safeParse(document.toJS());
  if (!parsed.success) {
    const locate = locator(document, lines, fileName);
    throw wrong(parsed.error.issues.flatMap((issue) => explain(issue, locate)));
  }
  return new Map(
    Object.entries(parsed.data).map(([name, { command, timeout = defaultTimeout, env = {} }]) => [
      name,
      { command, timeout, env },
    ]),
  );
}

/** The hook of this name; BadInput `hook.unknown` with the names that there are. */
export function findHook(hooks: Hooks, name: string): Hook {
  const found = hooks.get(name);
  if (found) return found;
  const names = [...hooks.keys()].sort();
  throw new RekeyError('BadInput', {
    code: 'hook.unknown',
    message: `there is no hook "${name}"${didYouMean(name, names)}; known are: ${names.join(', ') || 'none'}`,
    remedy: 'Add it to the file that REKEY_HOOKS names on every worker, or correct the name in the plan.',
  });
}

interface Problem {
  where: string;
  message: string;
}

function explain(issue: z.core.$ZodIssue, locate: (path: (string | number)[]) => string): Problem[] {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      where: locate([...path, key]),
      message: `"${key}" is not known here${didYouMean(key, words) || `: the words are ${words.join(', ')}`}`,
    }));
  if (issue.code === 'invalid_key')
    return [{ where: locate(path), message: 'a name has letters, digits and the like only' }];
  return [{ where: locate(path), message: issue.message }];
}

/** All that is wrong, in one error. */
function wrong(problems: Problem[]): RekeyError {
  const remedy = 'Correct the file that REKEY_HOOKS names; docs/operating.md has an example.';
  return new PlanErrors(
    problems.map((problem) => new RekeyError('BadInput', { code: 'hook.file', remedy, ...problem })),
  );
}
