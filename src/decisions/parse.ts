import { z } from 'zod';
import type { Decision, Resolution } from './model.js';
import { type Status, states } from './status.js';

/**
 * Makes decisions out of whatever a signal or an update carried. Strict: an unknown word is an answer, not a guess.
 * Never throws: an error thrown in a handler would fail the workflow or loop its task.
 */
export type Parsed<T> = { ok: true; value: T } | { ok: false; why: string };

const name = z.string().trim().min(1, 'must not be empty').max(200);
const by = z.string().trim().min(1, 'must name who decides').max(200);
const reason = z.string().trim().max(2000).nullish();
const opening = z.number().int();

const decided = {
  checkpoint: name,
  opening,
  plan: name,
  by,
  reason,
  checklist: z.array(z.string().trim().max(500)).max(50).optional(),
};
const signalled = z.strictObject(decided);
const updated = z.strictObject({ decision: z.enum(['approve', 'reject']), ...decided });
const resolved = z.strictObject({
  step: name,
  opening,
  plan: name,
  action: z.enum(['retry', 'skip', 'rollback']),
  by,
  reason,
});
const held = z.strictObject({ by, reason });

function parse<S extends z.ZodType>(schema: S, input: unknown): Parsed<z.output<S>> {
  try {
    const result = schema.safeParse(input);
    if (result.success) return { ok: true, value: result.data };
    const why = result.error.issues
      .slice(0, 5)
      .map(({ path, message }) =>
        path.length > 0 ? `${path.map(String).join('.')}: ${plainly(message)}` : plainly(message),
      )
      .join('; ');
    return { ok: false, why: why.slice(0, 400) };
  } catch {
    return { ok: false, why: 'it can not be read' };
  }
}

/** zod's words for what is missing or of another type, in words for people. */
export function plainly(message: string): string {
  const [, wanted = '', given = ''] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? [];
  if (given === 'undefined') return `is missing, must be ${withArticle(wanted)}`;
  if (given !== '') return `must be ${withArticle(wanted)}, not ${withArticle(given)}`;
  const words = /^Invalid option: expected one of (.+)$/.exec(message)?.[1];
  return words === undefined ? message : `must be one of ${words.replaceAll('|', ', ')}`;
}

function withArticle(type: string): string {
  return type === 'null' ? type : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

export function parseDecision(decision: 'approve' | 'reject', input: unknown): Parsed<Decision> {
  const parsed = parse(signalled, input);
  if (!parsed.ok) return parsed;
  return { ok: true, value: complete(decision, parsed.value) };
}

export function parseDecide(input: unknown): Parsed<Decision> {
  const parsed = parse(updated, input);
  if (!parsed.ok) return parsed;
  const { decision, ...rest } = parsed.value;
  return { ok: true, value: complete(decision, rest) };
}

export function parseResolution(input: unknown): Parsed<Resolution> {
  const parsed = parse(resolved, input);
  if (!parsed.ok) return parsed;
  return { ok: true, value: { ...parsed.value, reason: parsed.value.reason ?? null } };
}

export function parseHold(input: unknown): Parsed<{ by: string; reason: string | null }> {
  const parsed = parse(held, input);
  if (!parsed.ok) return parsed;
  return { ok: true, value: { by: parsed.value.by, reason: parsed.value.reason ?? null } };
}

function complete(decision: 'approve' | 'reject', value: z.output<typeof signalled>): Decision {
  return { ...value, decision, reason: value.reason ?? null, checklist: value.checklist ?? [] };
}

const line = z.string().max(2000);
const told = z.object({
  details: z.string().max(4000),
  status: z.looseObject({
    plan: name,
    planHash: name,
    phase: name,
    workflowId: z.string().max(1000),
    state: z.enum(states),
    step: name.nullable(),
    asOf: z.iso.datetime(),
    next: z.array(z.string().max(100_000)).max(10),
    notes: z.array(line).max(20),
    progress: z.array(z.looseObject({ table: line })).max(20),
    checkpoint: z.looseObject({ name }).nullable(),
    failure: z.object({ step: name, code: line, message: line, remedy: line }).nullable(),
    wayBack: z.object({ open: z.boolean(), because: line }),
  }),
});

/** What a phase tells its parent. Anybody may send such a signal: it is shown, and decides nothing. */
export function parseTold(input: unknown): Parsed<{ details: string; status: Status }> {
  const parsed = parse(told, input);
  return parsed.ok
    ? { ok: true, value: parsed.value as unknown as { details: string; status: Status } }
    : parsed;
}

/** A few words of an input that could not be read, for the journal: claims of the sender, cut short. */
export function claimOf(input: unknown, word: string): string | null {
  if (typeof input !== 'object' || input === null) return null;
  const value: unknown = (input as Record<string, unknown>)[word];
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 200) : null;
}
