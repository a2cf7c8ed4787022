import { KeyCheck } from './check-keys.js';
import { ReferenceCheck } from './check-references.js';
import { type KeyFacts, KeyIndex } from './domains.js';
import type { Plan } from './model.js';
import { tablesNamedBy } from './names.js';
import { didYouMean } from './nearest.js';
import {
  formatPath,
  type Locate,
  type PlanErrors,
  type PlanProblem,
  planErrors,
  problem,
} from './problems.js';

export interface CheckOptions {
  /** finds the words of the file again: LoadedPlan.locate; without it errors have the path alone */
  locate?: Locate;
  /** the phases to look at: those that are done have no integers left. All where it is left out. */
  phases?: readonly string[];
}

/** What a plan asks for that this catalog does not have; null where nothing is wrong. Pure. */
export function checkPlanAgainst(plan: Plan, facts: KeyFacts, options: CheckOptions = {}): PlanErrors | null {
  const problems = catalogProblems(plan, facts, options.phases);
  const locate = options.locate ?? ((path) => formatPath(path, (i) => plan.phases[i]?.phase));
  return problems.length === 0 ? null : planErrors(problems, locate);
}

export function catalogProblems(plan: Plan, facts: KeyFacts, phases?: readonly string[]): PlanProblem[] {
  const index = new KeyIndex(facts);
  const keys = new KeyCheck(plan, index);
  const references = new ReferenceCheck(plan, index);
  return plan.phases
    .flatMap((phase, i) => {
      if (phases && !phases.includes(phase.phase)) return [];
      if (phase.kind === 'tables') {
        return phase.tables.flatMap((t, j) =>
          keys.table(phase.phase, t.table, t.key, ['phases', i, 'tables', j]),
        );
      }
      if (phase.kind !== 'cleanup') return [];
      return phase.redundant.flatMap((ref, j) => keys.columnIsThere(ref, ['phases', i, 'redundant', j]));
    })
    .concat(
      plan.references.flatMap((reference, i) =>
        phases === undefined || references.movesInOneOf(reference, phases)
          ? references.reference(reference, ['references', i])
          : [],
      ),
    )
    .concat(acceptances(plan, index));
}

/** An `on` that is nearly a table's name is one misspelt; anything else may name an object of another kind. */
function acceptances(plan: Plan, index: KeyIndex): PlanProblem[] {
  return plan.accept.flatMap(({ on }, i) => {
    if (!/^[^\s]+$/.test(on) || tablesNamedBy(on).some((table) => index.tables.has(table))) return [];
    // these are no tables, whatever tables there are
    if (/^(replica-lag|oldest-transaction|disk|max_locks_per_transaction)$/.test(on)) return [];
    const meant = didYouMean(on, index.tables.keys());
    if (meant === '') return [];
    return [
      problem(
        'unknown-table',
        ['accept', i, 'on'],
        `there is no ${on}${meant}`,
        'Name the object as in the catalog.',
      ),
    ];
  });
}
