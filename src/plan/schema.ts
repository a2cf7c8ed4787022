import { z } from 'zod';
import { backupWords, keyVersion, mapWords, phaseWords, twinsWords } from './schema-phase.js';
import {
  choose,
  columnOfTable,
  count,
  duration,
  identifier,
  isMapping,
  list,
  mapping,
  read,
  share,
  shown,
  simpleName,
  table,
  text,
  word,
} from './schema-words.js';

/** The vocabulary of a plan: strict, units read, nothing filled in yet. */

const twoHours = 2 * 3_600_000;

const rehearsalMapping = mapping('rehearsal', {
  on: text.optional(),
  sample: count(1, 1_000_000).optional(),
});
const rehearsal = choose<'skip' | z.output<typeof rehearsalMapping>>((value) =>
  isMapping(value) ? rehearsalMapping : word('skip'),
);

/** null is a word here, and an empty value is refused before: `orphans: null` is meant, `orphans:` is forgotten. */
const orphans = read((value, refuse): 'refuse' | 'null' | 'keep' => {
  if (value === null || value === 'null') return 'null';
  if (value === 'refuse' || value === 'keep') return value;
  return refuse(`${shown(value)} is not one of refuse, null, keep`, 'plan.unknown-value');
});

const target = choose<string | Record<string, string>>((value) =>
  isMapping(value) ? z.record(z.string(), table) : table,
);

const reference = mapping('reference', {
  from: columnOfTable,
  path: text.optional(),
  by: identifier.optional(),
  each: word('element').optional(),
  to: target,
  orphans: orphans.optional(),
}).superRefine((written, ctx) => {
  const refuse = (path: string, message: string) =>
    ctx.addIssue({ code: 'custom', path: [path], message, params: { code: 'plan.bad-value' } });
  if (written.by !== undefined && typeof written.to === 'string') {
    refuse('to', 'by needs a mapping of its values to tables here');
  }
  if (written.by === undefined && typeof written.to !== 'string') {
    refuse('to', 'several tables need by: the column that says which of them is meant');
  }
  if (written.each !== undefined && written.by !== undefined)
    refuse('each', 'each and by do not go together');
});

const definition = mapping('definition', {
  object: text,
  using: text.optional(),
  check: text.optional(),
  as: text.optional(),
  phase: simpleName.optional(),
}).superRefine((written, ctx) => {
  if (written.using === undefined && written.check === undefined && written.as === undefined) {
    ctx.addIssue({
      code: 'custom',
      message: 'needs a new text: using, check or as',
      params: { code: 'plan.missing' },
    });
  }
});

export const planWords = mapping('plan', {
  version: read((value, refuse) =>
    value === 1 ? (1 as const) : refuse(`the version of a plan is 1, not ${shown(value)}`),
  ),
  plan: simpleName,
  keys: mapping('keys', {
    source: word('derived', 'stored').optional(),
    version: keyVersion.optional(),
    time: identifier.nullable().optional(),
  }).optional(),
  map: mapWords.optional(),
  twins: twinsWords.optional(),
  locks: mapping('locks', {
    'quiet-wait': duration(twoHours).optional(),
    stall: duration(twoHours).optional(),
    tries: count(1, 10_000).optional(),
    within: duration().optional(),
  }).optional(),
  probes: mapping('probes', { success: share.optional(), rollback: share.optional() }).optional(),
  revalidate: duration().optional(),
  backup: backupWords.optional(),
  rehearsal: rehearsal.optional(),
  accept: list(
    mapping('accept', { hazard: text, on: text, because: text, phase: simpleName.optional() }),
  ).optional(),
  definitions: list(definition).optional(),
  references: list(reference).optional(),
  subscribers: list(
    mapping('subscriber', { name: text, because: text, phase: simpleName.optional() }),
  ).optional(),
  phases: list(phaseWords),
});

export type WrittenPlan = z.output<typeof planWords>;
