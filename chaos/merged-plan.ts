import { parse, stringify } from 'yaml';

/** What a plan says of every phase and a phase may say for itself. */
const ofPhases = ['twins', 'map', 'backup'] as const;

type Written = {
  keys: unknown;
  accept?: object[];
  phases: { phase: string; kind?: string }[];
} & Partial<Record<(typeof ofPhases)[number], unknown>>;

/**
 * The text of one plan from two over the same database: the first as it is, and the phases of tables of the second,
 * as they are in their own plan, before its cleanup, which drops for both. Pure.
 */
export function mergedPlan(first: string, second: string): string {
  const [plan, other] = [first, second].map((text) => parse(text) as Written) as [Written, Written];
  if (JSON.stringify(plan.keys) !== JSON.stringify(other.keys))
    throw new Error('the two plans make keys differently, which no phase can say for itself');
  const cleanup = plan.phases.findIndex(({ kind }) => kind === 'cleanup');
  const said = Object.fromEntries(ofPhases.flatMap((word) => (word in other ? [[word, other[word]]] : [])));
  const added = other.phases
    .filter(({ kind = 'tables' }) => kind === 'tables')
    .map((phase) => ({ ...said, ...phase }));
  return stringify({
    ...plan,
    accept: [...(plan.accept ?? []), ...(other.accept ?? [])],
    phases: plan.phases.toSpliced(cleanup, 0, ...added),
  });
}
