import { twice } from './check-unique.js';
import { checkIndexStatement } from './index-statement.js';
import type { CleanupPhase, Phase, Plan, TablesPhase } from './model.js';
import { formatColumn, longestName, nameBytes } from './names.js';
import { didYouMean } from './nearest.js';
import { type PlanPath, type PlanProblem, problem } from './problems.js';
import { formatDuration, parseTimeOfDay } from './units.js';
import { isTimeZone, windowLength } from './window.js';

/** What can be wrong within one phase. */
export function checkPhase(plan: Plan, phase: Phase, path: PlanPath): PlanProblem[] {
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
    ...(phase.kind === 'tables' ? [...checkKeys(phase, path), ...checkDisk(phase, path)] : []),
    ...(phase.kind === 'cleanup' ? checkCleanup(phase, path) : []),
  ];
}

/** PostgreSQL tells nobody but a superuser how much disk is left. */
function checkDisk({ map, hooks }: TablesPhase, path: PlanPath): PlanProblem[] {
  if (map.pauseWhen.freeDisk === undefined || hooks['free-disk'] !== undefined) return [];
  return [
    problem(
      'no-hook',
      [...path, 'hooks', 'free-disk'],
      'the work is to hold when little disk is free, and no hook says how much is',
      'Name a hook free-disk, or write pause-when: {free-disk: off}.',
    ),
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
