import { RekeyError } from '../errors.js';
import type { DeclaredReference, Phase, Plan, TableId } from './model.js';
import { tablesNamedBy } from './names.js';

/**
 * The normalised text of a phase: what an approval approves, and what may not change once a phase has begun. It has the
 * phase with its defaults filled in (keys, map, twins and backup are in there already) and what it uses of the rest:
 * locks, limits of probes, revalidate, rehearsal, the references that move with it, and the accept entries, definitions
 * and subscribers that are about it. Pure: workflows may import this file.
 */
export function normalPhase(plan: Plan, phaseName: string): string {
  const phase = findPhase(plan, phaseName);
  const isAbout = aboutPhase(plan, phase);
  return canonicalJson({
    version: plan.version,
    plan: plan.plan,
    phase,
    locks: plan.locks,
    probes: plan.probes,
    revalidate: plan.revalidate,
    rehearsal: plan.rehearsal,
    references: plan.references.filter((reference) => movesIn(plan, reference, phase)),
    accept: plan.accept.filter((entry) => isAbout(entry.on, entry.phase)),
    definitions: plan.definitions.filter((entry) => isAbout(entry.object, entry.phase)),
    subscribers: plan.subscribers.filter((entry) => entry.phase === phaseName),
  });
}

/** The whole plan in the same form. */
export function normalPlan(plan: Plan): string {
  return canonicalJson(plan);
}

/** Throws BadInput `plan.unknown-phase`. */
export function findPhase(plan: Plan, phaseName: string): Phase {
  const phase = plan.phases.find((one) => one.phase === phaseName);
  if (phase) return phase;
  throw new RekeyError('BadInput', {
    code: 'plan.unknown-phase',
    message: `the plan ${plan.plan} has no phase "${phaseName}"`,
    remedy: `Name one of its phases: ${plan.phases.map((p) => p.phase).join(', ')}.`,
  });
}

/** The phase that lists a table, null where none does. */
export function phaseOfTable(plan: Plan, table: TableId): string | null {
  const found = plan.phases.find((p) => p.kind === 'tables' && p.tables.some((t) => t.table === table));
  return found?.phase ?? null;
}

/**
 * Whether a declared reference moves in this phase: with the last of its targets. A target that no phase lists has a key
 * that follows another's, which only a catalog knows: until then its reference belongs to every phase with tables.
 */
export function movesIn(plan: Plan, reference: DeclaredReference, phase: Phase): boolean {
  if (phase.kind !== 'tables') return false;
  const targets = typeof reference.to === 'string' ? [reference.to] : Object.values(reference.to);
  const phases = targets.map((target) => phaseOfTable(plan, target));
  if (phases.includes(null)) return true;
  return plan.phases.findLast((one) => phases.includes(one.phase))?.phase === phase.phase;
}

/**
 * An entry is about a phase by its word `phase`, or by naming a table that the phase lists or one from which a declared
 * reference moves in it. Entries that are about no phase by these rules are in no phase's text, so that one can be added
 * for a later phase without changing those that are done.
 */
function aboutPhase(plan: Plan, phase: Phase): (object: string, named: string | undefined) => boolean {
  const tables = new Set<TableId>();
  if (phase.kind === 'tables') {
    for (const { table } of phase.tables) tables.add(table);
    for (const reference of plan.references) {
      if (movesIn(plan, reference, phase)) tables.add(reference.from.table);
    }
  }
  return (object, named) =>
    named === undefined ? tablesNamedBy(object).some((table) => tables.has(table)) : named === phase.phase;
}

/** JSON with sorted keys and no blanks: the same value gives the same text, always. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonicalJson(one)}`).join(',')}}`;
}
