import { checkPhase } from './check-phase.js';
import { checkUniqueNames } from './check-unique.js';
import type { Plan } from './model.js';
import { didYouMean } from './nearest.js';
import { type PlanProblem, problem } from './problems.js';

/** What can be wrong with a plan as a whole without any look at a database. Codes `plan.no-...` are about something left out. */
export function checkPlan(plan: Plan): PlanProblem[] {
  return [
    ...checkOrder(plan),
    ...checkTablesOnce(plan),
    ...checkReferences(plan),
    ...checkUniqueNames(plan),
    ...checkSettings(plan),
    ...plan.phases.flatMap((phase, i) => checkPhase(plan, phase, ['phases', i])),
  ];
}

function checkOrder({ phases }: Plan): PlanProblem[] {
  const found: PlanProblem[] = [];
  if (phases[0]?.kind !== 'foundation') {
    found.push(
      problem(
        'no-foundation',
        ['phases', 0],
        'the first phase must be of kind foundation',
        'Begin with: - {phase: foundation, kind: foundation}',
      ),
    );
  }
  phases.forEach((phase, i) => {
    const path = ['phases', i, 'kind'];
    if (phase.kind === 'foundation' && i > 0) {
      found.push(
        problem(
          'phase-order',
          path,
          'foundation can only be the first phase',
          'Move it to the top, or take it out.',
        ),
      );
    }
    if (phase.kind === 'cleanup' && i < phases.length - 1) {
      found.push(
        problem(
          'phase-order',
          path,
          'cleanup is the point of no return and can only be the last phase',
          'Move it to the end, or take it out.',
        ),
      );
    }
  });
  return found;
}

function checkTablesOnce(plan: Plan): PlanProblem[] {
  const seen = new Map<string, string>();
  return plan.phases.flatMap((phase, i) => {
    if (phase.kind !== 'tables') return [];
    const path = ['phases', i, 'tables'];
    if (phase.tables.length === 0) {
      return [problem('no-tables', path, 'the phase lists no table', 'List a table, or take the phase out.')];
    }
    return phase.tables.flatMap(({ table }, j) => {
      const before = seen.get(table);
      seen.set(table, before ?? phase.phase);
      if (before === undefined) return [];
      const where =
        before === phase.phase ? 'twice in this phase' : `in the phases ${before} and ${phase.phase}`;
      return [
        problem('table-twice', [...path, j], `the table ${table} is ${where}`, 'List each table once.'),
      ];
    });
  });
}

function checkReferences(plan: Plan): PlanProblem[] {
  const listed = new Set(
    plan.phases.flatMap((p) => (p.kind === 'tables' ? p.tables.map((t) => t.table) : [])),
  );
  return plan.references.flatMap((reference, i) => {
    const targets = typeof reference.to === 'string' ? [reference.to] : Object.values(reference.to);
    if (targets.length === 0) {
      return [
        problem('no-target', ['references', i, 'to'], 'names no table', 'Name the table that it refers to.'),
      ];
    }
    return targets
      .filter((target) => !listed.has(target) && nearMiss(target, listed))
      .map((target) =>
        problem(
          'unknown-table',
          ['references', i, 'to'],
          `${target} is in no phase${didYouMean(target, listed)}`,
          'Correct the name, or list the table in a phase.',
        ),
      );
  });
}

/** A target whose key follows another's needs no listing, so only what looks misspelt is wrong without a catalog. */
function nearMiss(target: string, listed: Set<string>): boolean {
  return didYouMean(target, listed) !== '';
}

function checkSettings(plan: Plan): PlanProblem[] {
  const found: PlanProblem[] = [];
  if (plan.probes.success > plan.probes.rollback) {
    found.push(
      problem(
        'bad-value',
        ['probes', 'success'],
        'the limit for success is above the one for rollback',
        'Make success the smaller share.',
      ),
    );
  }
  if (plan.locks.stall >= plan.locks.within) {
    found.push(
      problem(
        'bad-value',
        ['locks', 'within'],
        'is not longer than one try (stall)',
        'Give the tries more time together.',
      ),
    );
  }
  const names = new Set(plan.phases.map((p) => p.phase));
  for (const word of ['accept', 'definitions', 'subscribers'] as const) {
    plan[word].forEach(({ phase }, i) => {
      if (phase === undefined || names.has(phase)) return;
      found.push(
        problem(
          'unknown-phase',
          [word, i, 'phase'],
          `there is no phase "${phase}"${didYouMean(phase, names)}`,
          'Name a phase of this plan.',
        ),
      );
    });
  }
  const maps = [
    plan.map,
    ...plan.phases.flatMap((p) => (p.kind === 'tables' ? [p.map, ...p.tables.map((t) => t.map)] : [])),
  ];
  const off = {
    'replica-lag': maps.some((map) => map.pauseWhen.replicaLag === null),
    'oldest-transaction': maps.some((map) => map.pauseWhen.oldestTransaction === null),
  };
  for (const signal of ['replica-lag', 'oldest-transaction'] as const) {
    if (!off[signal] || plan.accept.some((a) => a.hazard === 'signal-off' && a.on === signal)) continue;
    found.push(
      problem(
        'no-because',
        ['map', 'pause-when', signal],
        `the throttle's signal ${signal} is off and nothing says why`,
        `Add to accept: {hazard: signal-off, on: ${signal}, because: "..."}`,
      ),
    );
  }
  return found;
}
