import { z } from 'zod';
import { longestName, nameBytes, parseColumn, parseTable } from './names.js';
import { nearest } from './nearest.js';
import {
  durationForm,
  parseDuration,
  parseShare,
  parseSize,
  parseTimeOfDay,
  shareForm,
  sizeForm,
  timeForm,
} from './units.js';

/** The building blocks of the plan's schemas: mappings that know their words, names, durations and shares. */

/** Every mapping of the vocabulary with its words: the reference in docs/ is checked against it. */
export const vocabulary = new Map<string, readonly string[]>();

/** A mapping that knows these words and no other. Its error for unknown words has a line for each, in their order. */
export function mapping<S extends z.ZodRawShape>(name: string, shape: S) {
  const words = Object.keys(shape);
  vocabulary.set(name, words);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys')
        return `${name} must be a mapping with the words ${words.join(', ')}`;
      return issue.keys.map((key) => unknownWord(key, words)).join('\n');
    },
  });
}

export function unknownWord(word: string, words: readonly string[]): string {
  const near = nearest(word, words);
  return `"${word}" is not known here${near ? ` (did you mean ${near}?)` : `: the words are ${words.join(', ')}`}`;
}

type Refuse = (message: string, code?: string) => never;

/** A value that is read by a function of ours; `refuse` says in the plan's own words what is wrong. */
export function read<T>(parse: (value: unknown, refuse: Refuse) => T): z.ZodType<T> {
  return z.unknown().transform((value, ctx) => {
    try {
      return parse(value, (message, code = 'plan.bad-value') => {
        throw new Refused(message, value === undefined ? 'plan.missing' : code);
      });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      ctx.addIssue({ code: 'custom', message: error.message, params: { code: error.code } });
      return z.NEVER;
    }
  }) as unknown as z.ZodType<T>;
}

class Refused extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** Looks at the value to find the one schema that is meant, so that errors are about that one only. */
export function choose<T>(pick: (value: unknown) => z.ZodType<T> | string): z.ZodType<T> {
  return z.unknown().transform((value, ctx) => {
    const schema = pick(value);
    if (typeof schema === 'string') {
      const code = value === undefined ? 'plan.missing' : 'plan.bad-value';
      ctx.addIssue({ code: 'custom', message: schema, params: { code } });
      return z.NEVER;
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) ctx.issues.push({ ...issue, input: value } as never);
    return z.NEVER;
  }) as unknown as z.ZodType<T>;
}

export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Shows a value of the plan in a message: short, and never a whole mapping. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a mapping';
  const text = String(value);
  return `"${text.length > 60 ? `${text.slice(0, 57)}...` : text}"`;
}

/** Text that says something. A number is text, too: flags and hazards may look like one. */
export const text = read((value, refuse) => {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return refuse(`${shown(value)} is not text`);
  return value.trim() === '' ? refuse('must not be empty') : value;
});

/** A name that becomes part of workflow ids, file names and trigger names. */
export const simpleName = read((value, refuse) => {
  if (typeof value !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value)) {
    return refuse(
      `${shown(value)} is not a name: letters, digits, ".", "_" and "-", at most 63 of them, the first a letter or digit`,
      'plan.bad-name',
    );
  }
  return value;
});

/** A name that the plan gives to something in the database: must fit without being cut. */
export const identifier = read((value, refuse) => {
  if (typeof value !== 'string' || value === '')
    return refuse(`${shown(value)} is not a name`, 'plan.bad-name');
  if (nameBytes(value) > longestName) {
    return refuse(
      `the name ${shown(value)} has ${nameBytes(value)} bytes; PostgreSQL keeps ${longestName}`,
      'plan.name-too-long',
    );
  }
  return value;
});

export const table = read((value, refuse) => {
  const parsed = typeof value === 'string' ? parseTable(value) : null;
  return parsed ?? refuse(`${shown(value)} is not a table's name: [schema.]table`, 'plan.bad-name');
});

export const columnOfTable = read((value, refuse) => {
  const parsed = typeof value === 'string' ? parseColumn(value) : null;
  return parsed ?? refuse(`${shown(value)} is not a column's name: [schema.]table.column`, 'plan.bad-name');
});

const dayMs = 86_400_000;

/** Milliseconds. `most` keeps it below what PostgreSQL and Temporal take. */
export function duration(most = 400 * dayMs) {
  return read((value, refuse) => {
    if (typeof value !== 'string') {
      const unit = typeof value === 'number' ? ' has no unit: it must be' : ' is not';
      return refuse(`${shown(value)}${unit} ${durationForm}`, 'plan.bad-duration');
    }
    const ms = parseDuration(value);
    if (typeof ms !== 'number') return refuse(ms.wrong, 'plan.bad-duration');
    if (ms < 1) return refuse(`"${value}" is too short: at least 1ms`, 'plan.bad-duration');
    if (ms > most) return refuse(`"${value}" is too long: at most ${most / dayMs} days`, 'plan.bad-duration');
    return ms;
  });
}

const petabyte = 1024 ** 5;

/** Bytes, at least a megabyte. */
export const size = read((value, refuse) => {
  const parsed =
    typeof value === 'string' ? parseSize(value) : { wrong: `${shown(value)} is not ${sizeForm}` };
  if (typeof parsed !== 'number') return refuse(parsed.wrong, 'plan.bad-size');
  if (parsed < 1024 ** 2) return refuse(`"${String(value)}" is too small: at least 1MB`, 'plan.bad-size');
  if (parsed > petabyte) return refuse(`"${String(value)}" is too large: at most 1024TB`, 'plan.bad-size');
  return parsed;
});

export const share = read((value, refuse) => {
  const parsed =
    typeof value === 'string' ? parseShare(value) : { wrong: `${shown(value)} is not ${shareForm}` };
  return typeof parsed === 'number' ? parsed : refuse(parsed.wrong, 'plan.bad-share');
});

export const timeOfDay = read((value, refuse) => {
  if (typeof value === 'string' && parseTimeOfDay(value) !== null) return value;
  return refuse(`${shown(value)} is not ${timeForm}`, 'plan.bad-time');
});

export function count(least: number, most: number) {
  return read((value, refuse) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return refuse(`${shown(value)} is not a whole number from ${least} to ${most}`);
  });
}

export function word<const W extends string>(...words: W[]): z.ZodType<W> {
  return read((value, refuse) => {
    const found = words.find((w) => w === value);
    if (found !== undefined) return found;
    const near = typeof value === 'string' ? nearest(value, words) : null;
    const meant = near ? ` (did you mean ${near}?)` : '';
    return refuse(`${shown(value)} is not one of ${words.join(', ')}${meant}`, 'plan.unknown-value');
  });
}

export function list<T>(item: z.ZodType<T>) {
  return z.array(item, { error: () => 'must be a list' });
}
