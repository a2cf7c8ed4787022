import type { Phase, Plan } from './model.js';
import { formatColumn } from './names.js';
import { type PlanPath, type PlanProblem, problem } from './problems.js';

/** Names that may stand only once: in a plan, or in a phase. */
export function checkUniqueNames(plan: Plan): PlanProblem[] {
  const phases = plan.phases;
  const each = <T>(items: (phase: Phase) => readonly T[], word: string, name: (item: T) => string) =>
    phases.flatMap((phase, i) =>
      items(phase).map((item, j) => ({ name: name(item), path: ['phases', i, word, j] })),
    );
  const entries = (word: string, names: string[]) => names.map((name, i) => ({ name, path: [word, i] }));
  return [
    ...twice(
      'phase',
      phases.map((p, i) => ({ name: p.phase, path: ['phases', i, 'phase'] })),
    ),
    ...twice(
      'probe',
      each(
        (p) => p.probes,
        'probes',
        (p) => p.probe,
      ),
    ),
    ...twice(
      'flag',
      each(
        (p) => p.flags,
        'flags',
        (flag) => flag,
      ),
    ),
    ...phases.flatMap((phase, i) => [
      ...twice(
        'check',
        phase.checks.map((c, j) => ({ name: c.check, path: ['phases', i, 'checks', j] })),
      ),
      ...twice(
        'readiness check',
        phase.readiness.map((c, j) => ({ name: c.check, path: ['phases', i, 'readiness', j] })),
      ),
    ]),
    ...twice(
      'acceptance',
      entries(
        'accept',
        plan.accept.map((a) => `${a.hazard} on ${a.on}`),
      ),
    ),
    ...twice(
      'definition',
      entries(
        'definitions',
        plan.definitions.map((d) => d.object),
      ),
    ),
    ...twice(
      'reference',
      entries(
        'references',
        plan.references.map((r) => `${formatColumn(r.from)} ${r.path ?? ''}`.trim()),
      ),
    ),
    ...twice(
      'subscriber',
      entries(
        'subscribers',
        plan.subscribers.map((s) => s.name),
      ),
    ),
  ];
}

export function twice(what: string, named: { name: string; path: PlanPath }[]): PlanProblem[] {
  const seen = new Set<string>();
  return named.flatMap(({ name, path }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [
      problem(
        'duplicate',
        path,
        `there are two of the ${what} "${name}"`,
        'Give each its own name, or take one out.',
      ),
    ];
  });
}
