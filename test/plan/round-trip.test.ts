import fc from 'fast-check';
import { checkPlan } from '../../src/plan/check.js';
import { checkpointsOf } from '../../src/plan/defaults.js';
import { phaseHash, planDocumentHash } from '../../src/plan/hash.js';
import { loadPlanText } from '../../src/plan/load.js';
import type {
  BackupKind,
  HookMoment,
  MapSettings,
  Phase,
  PhaseKind,
  Plan,
  PlannedKey,
  Probe,
  RollbackCriteria,
} from '../../src/plan/model.js';
import { parseColumn, parseTable } from '../../src/plan/names.js';
import { showPlan } from '../../src/plan/show.js';
import { everyWord, fileName } from './every-word.js';

/** Texts that YAML could take for something else, and any others. */
const anyText = fc.oneof(
  fc.constantFrom(
    'null',
    'off',
    'no',
    '1',
    '10%',
    'a: b',
    '- x',
    '# y',
    "it's",
    '"',
    '${HOME}',
    'two\nlines',
    ' x ',
    '~',
  ),
  fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() !== ''),
);
const simple = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const column = fc.oneof(simple, fc.constantFrom('Order', 'a.b', 'say "x"', 'null', '7'));
const tableName = fc
  .tuple(fc.constantFrom('', 'crm.', '"a.b".'), column)
  .map(([schema, name]) => parseTable(`${schema}"${name.replaceAll('"', '""')}"`)!);
const columnRef = fc
  .tuple(tableName, column)
  .map(([table, name]) => parseColumn(`${table}."${name.replaceAll('"', '""')}"`)!);
const ms = fc.oneof(
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: 1, max: 48 }).map((h) => h * 3_600_000),
);
const share = fc.integer({ min: 0, max: 999_999 }).map((n) => n / 1000 / 100);
const signal = ms;

const map: fc.Arbitrary<MapSettings> = fc.record({
  strategy: fc.constantFrom('in-place', 'copy', 'rewrite'),
  batch: fc.integer({ min: 1, max: 1_000_000 }),
  parallel: fc.integer({ min: 1, max: 64 }),
  // free disk goes with a hook
  pauseWhen: fc.record(
    {
      replicaLag: signal,
      oldestTransaction: signal,
      walKept: fc.integer({ min: 1024, max: 10 ** 9 }).map((kB) => kB * 1024),
    },
    { requiredKeys: ['replicaLag', 'oldestTransaction'] },
  ),
});

const key: fc.Arbitrary<PlannedKey> = fc.oneof(
  fc.record({
    source: fc.constant('derived' as const),
    version: fc.constantFrom(4 as const, 7 as const),
    time: fc.option(column),
  }),
  fc.record({ source: fc.constant('stored' as const), column }),
  fc.record({ source: fc.constant('adopted' as const), adopt: column, as: column }),
  fc.record({
    source: fc.constant('surrogate' as const),
    surrogate: column,
    unique: column,
    children: column,
  }),
);

const expectation = fc.oneof(fc.constant('no rows' as const), fc.integer(), anyText);

function common(kind: PhaseKind) {
  const gates = checkpointsOf[kind].map(({ name }) =>
    fc
      .record({
        checkpoint: fc.constant(name),
        approvals: fc.constantFrom(1, 2),
        from: fc.constantFrom<string[][]>([], ['dba', 'release manager']),
        trust: fc.constantFrom('declared' as const, 'principal' as const),
        checklist: fc.uniqueArray(anyText, { maxLength: 3 }),
        timeout: kind === 'cleanup' && name === 'after' ? fc.constant(null) : fc.option(ms),
        onTimeout: fc.constantFrom('rollback' as const, 'escalate' as const),
      })
      .chain((gate) => (name === 'before-drop' ? fc.constant([gate]) : fc.constantFrom([], [gate]))),
  );
  return {
    phase: simple,
    risk: fc.option(anyText),
    backup: fc.oneof<fc.Arbitrary<BackupKind>[]>(
      fc.constant('full' as const),
      fc.record({ external: fc.oneof(fc.constant(''), anyText) }),
    ),
    window:
      kind === 'foundation'
        ? fc.constant(null)
        : fc.option(
            fc.record({
              days: fc.uniqueArray(fc.constantFrom('mon' as const, 'wed' as const, 'sun' as const), {
                minLength: 1,
              }),
              from: fc.constantFrom('22:00', '00:00'),
              to: fc.constantFrom('04:00', '24:00', '23:59'),
              zone: fc.constantFrom('UTC', 'Europe/Berlin'),
            }),
          ),
    readiness: fc.uniqueArray(
      fc.record({
        check: anyText,
        sql: anyText,
        expect: expectation,
        otherwise: fc.constantFrom('stop' as const, 'warn' as const),
      }),
      { selector: (r) => r.check, maxLength: 2 },
    ),
    hooks: fc.constantFrom<Partial<Record<HookMoment, string>>[]>(
      { escalate: 'page' },
      { escalate: 'page', 'free-disk': 'df' },
    ),
    probes:
      kind === 'cleanup'
        ? fc.uniqueArray(fc.record({ probe: anyText, sql: anyText, with: fc.option(anyText) }), {
            selector: (p) => p.probe,
            maxLength: 2,
          })
        : fc.constant<Probe[]>([]),
    checks: fc.uniqueArray(
      fc.record({
        check: anyText,
        critical: fc.boolean(),
        timeout: ms.filter((n) => n <= 86_400_000),
        what: fc.oneof(
          fc.record({ sql: anyText, expect: expectation }),
          fc.record({ hook: simple }),
          fc.record({
            http: fc.record({
              method: fc.constantFrom('GET', 'POST'),
              url: fc.constantFrom('${APP}/x', 'http://localhost:3000/a?b=c'),
              body: fc.oneof(
                fc.constant(null),
                anyText,
                fc.record({ a: fc.integer(), b: fc.array(anyText, { maxLength: 2 }) }),
              ),
              headers: fc.dictionary(simple, fc.constantFrom('x', '${TOKEN}', '')),
              expect: fc.integer({ min: 100, max: 599 }),
            }),
          }),
        ),
      }),
      { selector: (c) => c.check, maxLength: 2 },
    ),
    checkpoints: fc.tuple(...gates).map((all) => all.flat()),
    rollback: fc.constantFrom<RollbackCriteria[]>(
      { on: [], askOn: [] },
      { on: ['validation' as const], askOn: ['probe' as const, 'critical-check' as const] },
    ),
    flags: kind === 'tables' ? fc.uniqueArray(anyText, { maxLength: 2 }) : fc.constant<string[]>([]),
  };
}

const foundation = fc.record({ kind: fc.constant('foundation' as const), ...common('foundation') });
const tables = fc.record({
  kind: fc.constant('tables' as const),
  ...common('tables'),
  tables: fc.uniqueArray(fc.record({ table: tableName, key, map }), {
    selector: (t) => t.table,
    minLength: 1,
    maxLength: 3,
  }),
  twins: fc.constantFrom('ask' as const, 'early' as const, 'late' as const),
  map,
});
const cleanup = fc.record({
  kind: fc.constant('cleanup' as const),
  ...common('cleanup'),
  redundant: fc.uniqueArray(columnRef, { selector: (r) => JSON.stringify(r), maxLength: 2 }),
  indexes: fc.constantFrom<string[][]>([], ['create index concurrently i on t (lower("a;b"))']),
  mapping: fc.constantFrom('keep' as const, 'archive' as const),
});

const plans: fc.Arbitrary<Plan> = fc.record({
  version: fc.constant(1 as const),
  plan: simple,
  keys: fc.record({
    source: fc.constantFrom('derived' as const, 'stored' as const),
    version: fc.constantFrom(4 as const, 7 as const),
    time: fc.option(column),
  }),
  map,
  twins: fc.constantFrom('ask' as const, 'early' as const, 'late' as const),
  locks: fc.record({
    quietWait: fc.integer({ min: 1, max: 9000 }),
    stall: fc.integer({ min: 1, max: 900 }),
    tries: fc.integer({ min: 1, max: 99 }),
    within: fc.constantFrom(1000, 60_000),
  }),
  probes: fc.tuple(share, share).map(([a, b]) => ({ success: Math.min(a, b), rollback: Math.max(a, b) })),
  revalidate: ms,
  backup: fc.constantFrom('tables' as const, 'full' as const),
  rehearsal: fc.oneof(
    fc.constant('skip' as const),
    fc.record({ on: anyText, sample: fc.integer({ min: 1, max: 1000 }) }),
  ),
  accept: fc.uniqueArray(fc.record({ hazard: anyText, on: anyText, because: anyText }), {
    selector: (a) => `${a.hazard} on ${a.on}`,
    maxLength: 2,
  }),
  definitions: fc.uniqueArray(fc.record({ object: anyText, using: anyText }), {
    selector: (d) => d.object,
    maxLength: 2,
  }),
  references: fc.uniqueArray(
    fc.record({
      from: columnRef,
      path: fc.option(anyText.map((text) => text.trim())),
      by: fc.constant(null),
      each: fc.option(fc.constant('element' as const)),
      to: fc.constant('x'),
      orphans: fc.constantFrom('refuse' as const, 'null' as const, 'keep' as const),
    }),
    { selector: (r) => JSON.stringify(r.from), maxLength: 2 },
  ),
  subscribers: fc.constantFrom([], [{ name: 'warehouse', because: 'it has the columns already' }]),
  phases: fc
    .tuple(foundation, fc.uniqueArray(tables, { selector: (p) => p.phase, maxLength: 3 }), cleanup)
    .map(([first, middle, last]): Phase[] => [first, ...middle, last]),
});

test('what plan show prints loads to the same plan, with the same hashes, whatever the plan', () => {
  fc.assert(
    fc.property(plans, (plan) => {
      fc.pre(checkPlan(plan).length === 0);
      const again = loadPlanText(showPlan(plan), 'shown.yaml');
      expect(again).toEqual(plan);
      expect(planDocumentHash(again)).toBe(planDocumentHash(plan));
      for (const { phase } of plan.phases) expect(phaseHash(again, phase)).toBe(phaseHash(plan, phase));
    }),
    { numRuns: 60 },
  );
});

test('the plan with every word prints with its defaults, its risk among them, and loads to the same', () => {
  const plan = loadPlanText(everyWord, fileName);
  const shown = showPlan(plan);
  expect(shown).toContain('risk: critical');
  expect(shown).toContain('sample: 1000');
  expect(shown).toContain('before-drop: { approvals: 1,');
  expect(shown).not.toContain('undefined');
  expect(loadPlanText(shown, 'shown.yaml')).toEqual(plan);
});
