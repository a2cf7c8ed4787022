import { z } from 'zod';
import {
  choose,
  count,
  duration,
  isMapping,
  list,
  mapping,
  read,
  shown,
  simpleName,
  text,
  timeOfDay,
  unknownWord,
  word,
} from './schema-words.js';
import { malformedVariable } from './variables.js';

/** What surrounds the work of a phase: window, readiness, probes, checks, checkpoints, hooks, rollback. */

export const windowWords = mapping('window', {
  days: list(word('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')).optional(),
  from: timeOfDay,
  to: timeOfDay,
  zone: text.optional(),
});

/** `no rows`, or the first column of the first row as a number or as text. */
const expectation = read((value, refuse): 'no rows' | number | string => {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string') return value;
  return refuse(`${shown(value)} is not "no rows", a number or a text`);
});

export const readinessWords = mapping('readiness', {
  check: text,
  sql: text,
  expect: expectation.optional(),
  otherwise: word('stop', 'warn').optional(),
});

export const probeWords = mapping('probe', { probe: text, sql: text, with: text.nullable().optional() });

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const;

/** `${TESTAPP_URL}/login`: a variable stands for itself until the check runs, so that no secret is hashed or stored. */
const url = read((value, refuse) => {
  if (typeof value !== 'string') return refuse(`${shown(value)} is not an address`);
  const wrong = malformedVariable(value);
  if (wrong) return refuse(wrong, 'plan.bad-variable');
  const filled = value.replace(/^\$\{\w+\}(?=\/|$)/, 'http://host').replaceAll(/\$\{\w+\}/g, 'x');
  if (!URL.canParse(filled) || !/^https?:$/.test(new URL(filled).protocol)) {
    return refuse(`${shown(value)} is not an http or https address`);
  }
  return value;
});

const headers = read((value, refuse): Record<string, string> => {
  if (!isMapping(value)) return refuse('headers must be a mapping of names to texts');
  const entries = Object.entries(value).map(([name, content]) => {
    if (typeof content !== 'string') return refuse(`the header "${name}" must be a text: put it in quotes`);
    const wrong = malformedVariable(content);
    return wrong ? refuse(`the header "${name}": ${wrong}`, 'plan.bad-variable') : ([name, content] as const);
  });
  return Object.fromEntries(entries);
});

const httpMapping = mapping('http', {
  get: url.optional(),
  head: url.optional(),
  post: url.optional(),
  put: url.optional(),
  patch: url.optional(),
  delete: url.optional(),
  headers: headers.optional(),
  body: z.unknown().optional(),
  expect: count(100, 599).optional(),
});

const http = httpMapping.transform((written, ctx) => {
  const used = methods.filter((method) => written[method] !== undefined);
  if (used.length !== 1) {
    ctx.addIssue({ code: 'custom', message: `must have exactly one of ${methods.join(', ')}`, params: {} });
    return z.NEVER;
  }
  const method = used[0]!;
  return {
    method,
    url: written[method]!,
    headers: written.headers,
    body: written.body,
    expect: written.expect,
  };
});

const common = {
  check: text,
  critical: z.boolean({ error: () => 'must be true or false' }).optional(),
  timeout: duration(86_400_000).optional(),
};
const sqlCheck = mapping('check by sql', { ...common, sql: text, expect: expectation.optional() });
const httpCheck = mapping('check by http', { ...common, http });
const hookCheck = mapping('check by hook', { ...common, hook: simpleName });

type WrittenCheck = z.output<typeof sqlCheck> | z.output<typeof httpCheck> | z.output<typeof hookCheck>;

export const checkWords = choose<WrittenCheck>((value) => {
  if (!isMapping(value)) return 'a check must be a mapping with check and one of sql, http, hook';
  const kinds = ['sql', 'http', 'hook'].filter((kind) => kind in value);
  if (kinds.length > 1) return `a check has one of sql, http, hook; this one has ${kinds.join(' and ')}`;
  if (kinds[0] === 'http') return httpCheck;
  if (kinds[0] === 'hook') return hookCheck;
  if (kinds[0] === 'sql') return sqlCheck;
  const strange = Object.keys(value).find((key) => !['check', 'critical', 'timeout', 'expect'].includes(key));
  if (strange !== undefined)
    return unknownWord(strange, ['sql', 'http', 'hook', 'check', 'critical', 'timeout', 'expect']);
  return 'a check needs one of sql, http, hook';
});

const settings = mapping('checkpoint', {
  approvals: count(1, 20).optional(),
  from: list(text).optional(),
  trust: word('declared', 'principal').optional(),
  checklist: list(text).optional(),
  timeout: choose<number | null>((value) =>
    value === 'none' ? z.literal('none').transform(() => null) : duration(),
  ).optional(),
  'on-timeout': word('rollback', 'escalate').optional(),
});

export type CheckpointSettings = z.output<typeof settings>;

const gate = choose<CheckpointSettings | 'off'>((value) => {
  if (value === 'off' || value === false) return read(() => 'off' as const);
  if (value === 'on' || value === true) return read((): CheckpointSettings => ({}));
  return isMapping(value) ? settings : 'must be a mapping of settings, on, or off';
});

/** The one gate that nothing switches off: what follows it can't be undone. */
const lockedGate = choose<CheckpointSettings | 'off'>((value) =>
  value === 'off' || value === false
    ? 'before-drop cannot be switched off: what follows it cannot be undone'
    : gate,
);

/** A word for each gate that a phase of this kind has. */
export const checkpointsWords = {
  foundation: mapping('checkpoints of foundation', { before: gate.optional(), after: gate.optional() }),
  tables: mapping('checkpoints of tables', {
    before: gate.optional(),
    'before-swap': gate.optional(),
    'after-swap': gate.optional(),
  }),
  cleanup: mapping('checkpoints of cleanup', {
    before: gate.optional(),
    'before-drop': lockedGate.optional(),
    after: gate.optional(),
  }),
};

const anyHook = { escalate: simpleName.optional(), 'free-disk': simpleName.optional() };

/** Only a phase that moves tables has a cutover for hooks to stand around. */
export const hooksWords = mapping('hooks', anyHook);
export const cutoverHooksWords = mapping('hooks of tables', {
  'before-swap': simpleName.optional(),
  'after-swap': simpleName.optional(),
  'before-swap-back': simpleName.optional(),
  'after-swap-back': simpleName.optional(),
  ...anyHook,
});

const reason = word('validation', 'critical-check', 'probe');
export const rollbackWords = mapping('rollback', {
  on: list(reason).optional(),
  'ask-on': list(reason).optional(),
});
