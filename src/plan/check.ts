import { checkIndexStatement } from './index-statement.js';
import type { CleanupPhase, Phase, Plan, TablesPhase } from './model.js';
import { formatColumn, longestName, nameBytes } from './names.js';
import { didYouMean } from './nearest.js';
import type { PlanPath, PlanProblem } from './problems.js';
import { formatDuration, parseTimeOfDay } from './units.js';
import { isTimeZone, windowLength } from './window.js';

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

function problem(code: string, path: PlanPath, message: string, remedy: string): PlanProblem {
  return { code: `plan.${code}`, path, message, remedy };
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

function checkUniqueNames(plan: Plan): PlanProblem[] {
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

function twice(what: string, named: { name: string; path: PlanPath }[]): PlanProblem[] {
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

function checkPhase(plan: Plan, phase: Phase, path: PlanPath): PlanProblem[] {
  return [
    ...checkWindow(plan, phase, path),
    ...checkCheckpoints(phase, path),
    ...checkRollback(phase, path),
    ...(phase.kind === 'foundation' && phase.backup === 'tables'
      ? [
          problem(
            'bad-value',
            [...path, 'backup'],
            'a foundation has no tables to back up',
            'Write full, or external.',
          ),
        ]
      : []),
    ...(phase.kind === 'tables' ? checkKeys(phase, path) : []),
    ...(phase.kind === 'cleanup' ? checkCleanup(phase, path) : []),
  ];
}

function checkWindow(plan: Plan, { window }: Phase, path: PlanPath): PlanProblem[] {
  if (window === null) return [];
  const at = (word: string) => [...path, 'window', word];
  const found: PlanProblem[] = [];
  if (!isTimeZone(window.zone)) {
    const zones = Intl.supportedValuesOf('timeZone');
    found.push(
      problem(
        'bad-zone',
        at('zone'),
        `"${window.zone}" is no time zone${didYouMean(window.zone, zones)}`,
        'Name a zone as Europe/Berlin or UTC.',
      ),
    );
  }
  if (window.days.length === 0) {
    found.push(
      problem(
        'bad-value',
        at('days'),
        'the window has no day',
        'Name days as [sat, sun], or leave the word out for all.',
      ),
    );
  }
  if (new Set(window.days).size < window.days.length) {
    found.push(problem('duplicate', at('days'), 'a day is named twice', 'Name each day once.'));
  }
  if (parseTimeOfDay(window.from) === 1440) {
    found.push(
      problem(
        'bad-time',
        at('from'),
        'a window can not begin at the end of the day',
        'Write "00:00" and the next day.',
      ),
    );
  } else if (window.from === window.to) {
    found.push(
      problem(
        'bad-time',
        at('to'),
        'the window ends when it begins',
        'Write "00:00" and "24:00" for the whole day.',
      ),
    );
  } else if (windowLength(window) < plan.locks.within) {
    found.push(
      problem(
        'bad-value',
        [...path, 'window'],
        `the window is shorter than locks.within (${formatDuration(plan.locks.within)}): the cutover would never begin`,
        'Make the window longer, or locks.within shorter.',
      ),
    );
  }
  return found;
}

function checkCheckpoints(phase: Phase, path: PlanPath): PlanProblem[] {
  return phase.checkpoints.flatMap((gate) => {
    const at = (word: string) => [...path, 'checkpoints', gate.checkpoint, word];
    const found: PlanProblem[] = [];
    const people = new Set(gate.from.map((name) => name.trim().toLowerCase()));
    if (people.size < gate.from.length) {
      found.push(problem('duplicate', at('from'), 'a name stands here twice', 'Name each approver once.'));
    }
    if (gate.from.length > 0 && gate.approvals > people.size) {
      const message = `${gate.approvals} approvals are asked for, and ${people.size} may approve`;
      found.push(
        problem('too-many-approvals', at('approvals'), message, 'Ask for fewer, or add names to from.'),
      );
    }
    if (new Set(gate.checklist).size < gate.checklist.length) {
      found.push(problem('duplicate', at('checklist'), 'an item stands here twice', 'Take one out.'));
    }
    if (gate.onTimeout === 'escalate' && phase.hooks.escalate === undefined) {
      const remedy = 'Add hooks: {escalate: ...} to the phase, or write on-timeout: rollback.';
      found.push(
        problem(
          'no-hook',
          at('on-timeout'),
          'escalate needs the hook escalate, which the phase does not have',
          remedy,
        ),
      );
    }
    if (
      phase.kind === 'cleanup' &&
      gate.checkpoint === 'after' &&
      gate.timeout !== null &&
      gate.onTimeout === 'rollback'
    ) {
      const message = 'after cleanup there is no way back that a timeout could take';
      found.push(
        problem('bad-value', at('on-timeout'), message, 'Write on-timeout: escalate, or leave timeout out.'),
      );
    }
    return found;
  });
}

function checkRollback({ rollback }: Phase, path: PlanPath): PlanProblem[] {
  const both = [...rollback.on, ...rollback.askOn];
  const repeated = both.find((reason, i) => both.indexOf(reason) < i);
  if (repeated === undefined) return [];
  const message = `${repeated} stands here twice: it either rolls back or asks`;
  return [problem('duplicate', [...path, 'rollback'], message, 'Keep it in on, or in ask-on.')];
}

function checkKeys(phase: TablesPhase, path: PlanPath): PlanProblem[] {
  return phase.tables.flatMap(({ table, key }, j) => {
    const at = [...path, 'tables', j];
    if (key.source === 'stored' && key.column === '') {
      const remedy = `Write {table: ${table}, key: {stored: <column>}}, or key: {source: derived}.`;
      return [
        problem(
          'no-stored-column',
          at,
          `keys.source is stored, and nothing says which column of ${table} it is`,
          remedy,
        ),
      ];
    }
    if (key.source !== 'surrogate') return [];
    return (
      [
        ['unique', key.unique],
        ['children', key.children],
      ] as const
    )
      .filter(([, name]) => nameBytes(name) > longestName)
      .map(([word, name]) => {
        const message = `the name "${name}" (${word}) has ${nameBytes(name)} bytes; PostgreSQL keeps ${longestName}`;
        return problem('name-too-long', at, message, `Give a shorter name with ${word}.`);
      });
  });
}

function checkCleanup(phase: CleanupPhase, path: PlanPath): PlanProblem[] {
  const statements = phase.indexes.map((sql, i) => ({
    path: [...path, 'indexes', i],
    ...checkIndexStatement(sql),
  }));
  return [
    ...statements.flatMap((s) =>
      s.wrong === null
        ? []
        : [problem('bad-index', s.path, s.wrong, 'Write: create index concurrently <name> on <table> ...')],
    ),
    ...statements.flatMap((s) =>
      s.name !== null && nameBytes(s.name) > longestName
        ? [
            problem(
              'name-too-long',
              s.path,
              `the name "${s.name}" has ${nameBytes(s.name)} bytes; PostgreSQL keeps ${longestName}`,
              'Give a shorter name.',
            ),
          ]
        : [],
    ),
    ...twice(
      'index',
      statements.filter((s) => s.name !== null).map((s) => ({ name: s.name!, path: s.path })),
    ),
    ...twice(
      'redundant column',
      phase.redundant.map((c, i) => ({ name: formatColumn(c), path: [...path, 'redundant', i] })),
    ),
  ];
}
