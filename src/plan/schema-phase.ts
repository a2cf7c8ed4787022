import { z } from 'zod';
import { nearest } from './nearest.js';
import {
  checkpointsWords,
  checkWords,
  cutoverHooksWords,
  hooksWords,
  probeWords,
  readinessWords,
  rollbackWords,
  windowWords,
} from './schema-checks.js';
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
  simpleName,
  size,
  table,
  text,
  word,
} from './schema-words.js';

/** A phase, its tables and their keys. */

const externalBackup = mapping('backup', { external: text });

/** `external` alone leaves the snapshot's name to whoever approves. */
export const backupWords = choose<'tables' | 'full' | { external: string }>((value) => {
  if (isMapping(value)) return externalBackup;
  if (value === 'external') return read(() => ({ external: '' }));
  return word('tables', 'full', 'external') as z.ZodType<'tables' | 'full'>;
});

const signal = choose<number | null>((value) => (value === 'off' ? read(() => null) : duration()));

const limit = choose<number | null>((value) => (value === 'off' ? read(() => null) : size));

export const mapWords = mapping('map', {
  strategy: word('in-place', 'copy', 'rewrite').optional(),
  batch: count(1, 1_000_000).optional(),
  parallel: count(1, 64).optional(),
  'pause-when': mapping('pause-when', {
    'replica-lag': signal.optional(),
    'oldest-transaction': signal.optional(),
    'wal-kept': limit.optional(),
    'free-disk': limit.optional(),
  }).optional(),
});
export type WrittenMap = z.output<typeof mapWords>;

export const twinsWords = word('ask', 'early', 'late');
export const keyVersion = read((value, refuse) =>
  value === 4 || value === 7 ? value : refuse('a key has version 4 or 7'),
) as z.ZodType<4 | 7>;

const derivedKey = mapping('key: derived', {
  source: word('derived').optional(),
  version: keyVersion.optional(),
  time: identifier.nullable().optional(),
});
const storedKey = mapping('key: stored', { stored: identifier });
const adoptedKey = mapping('key: adopted', { adopt: identifier, as: identifier.optional() });
const surrogateKey = mapping('key: surrogate', { surrogate: identifier, unique: identifier.optional() });

export type WrittenKey =
  | z.output<typeof derivedKey>
  | z.output<typeof storedKey>
  | z.output<typeof adoptedKey>
  | z.output<typeof surrogateKey>;

const keyWordsKnown = ['source', 'version', 'time', 'stored', 'adopt', 'as', 'surrogate', 'unique'];

const key = choose<WrittenKey>((value) => {
  if (!isMapping(value))
    return 'key must be a mapping: {version, time}, {stored}, {adopt, as} or {surrogate, unique}';
  // By the words that are meant, so that a misspelt one is told of by the schema that it belongs to.
  const words = new Set(Object.keys(value).map((one) => nearest(one, keyWordsKnown) ?? one));
  if (words.has('surrogate') || words.has('unique')) return surrogateKey;
  if (words.has('adopt') || words.has('as')) return adoptedKey;
  return words.has('stored') ? storedKey : derivedKey;
});

const tableMapping = mapping('table', {
  table,
  key: key.optional(),
  children: identifier.optional(),
  map: mapWords.optional(),
}).superRefine((written, ctx) => {
  if (written.children !== undefined && !(written.key && 'surrogate' in written.key)) {
    const message =
      'children goes with key: {surrogate: ...}: it names the column that gets the surrogate in other tables';
    ctx.addIssue({ code: 'custom', path: ['children'], message, params: { code: 'plan.bad-value' } });
  }
});
export type WrittenTable = z.output<typeof tableMapping>;

const tableEntry = choose<WrittenTable>((value) => {
  if (isMapping(value)) return tableMapping;
  return table.transform((name): WrittenTable => ({ table: name }));
});

const common = {
  phase: simpleName,
  risk: text.nullable().optional(),
  backup: backupWords.optional(),
  readiness: list(readinessWords).optional(),
  probes: list(probeWords).optional(),
  checks: list(checkWords).optional(),
  rollback: rollbackWords.optional(),
};

const window = windowWords.nullable().optional();

const foundation = mapping('phase of kind foundation', {
  ...common,
  kind: z.literal('foundation'),
  hooks: hooksWords.optional(),
  checkpoints: checkpointsWords.foundation.optional(),
});
const tables = mapping('phase of kind tables', {
  ...common,
  kind: z.literal('tables').default('tables'),
  window,
  hooks: cutoverHooksWords.optional(),
  checkpoints: checkpointsWords.tables.optional(),
  flags: list(text).optional(),
  tables: list(tableEntry),
  twins: twinsWords.optional(),
  map: mapWords.optional(),
});
const cleanup = mapping('phase of kind cleanup', {
  ...common,
  kind: z.literal('cleanup'),
  window,
  hooks: hooksWords.optional(),
  checkpoints: checkpointsWords.cleanup.optional(),
  redundant: list(columnOfTable).optional(),
  indexes: list(text).optional(),
  mapping: word('keep', 'archive').optional(),
});

export type WrittenPhase = z.output<typeof foundation> | z.output<typeof tables> | z.output<typeof cleanup>;

const kinds = { foundation, tables, cleanup };
const badKind = z.looseObject({
  kind: word('foundation', 'tables', 'cleanup'),
}) as unknown as z.ZodType<WrittenPhase>;

export const phaseWords = choose<WrittenPhase>((value) => {
  if (!isMapping(value)) return 'a phase must be a mapping with phase and kind or tables';
  const kind = value.kind ?? 'tables';
  return typeof kind === 'string' && Object.hasOwn(kinds, kind) ? kinds[kind as keyof typeof kinds] : badKind;
});
