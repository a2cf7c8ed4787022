import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { loadPlanText } from '../../src/plan/load.js';
import { vocabulary } from '../../src/plan/schema-words.js';
import { showPlan } from '../../src/plan/show.js';

const reference = readFileSync(path.join(__dirname, '../../docs/plan-reference.md'), 'utf8');

/** The rows of each section: word, value, default, meaning. */
const sections = new Map(
  reference
    .split(/^### `/m)
    .slice(1)
    .map((text) => {
      const rows = [...text.matchAll(/^\| `([^`]+)` \| (.*) \| (.*) \| (.*) ?\|$/gm)];
      return [
        text.slice(0, text.indexOf('`')),
        rows.map(([, word, , byDefault]) => ({ word: word!, byDefault: byDefault! })),
      ] as const;
    }),
);

const example = /```yaml\n([\s\S]*?)```/.exec(reference)![1]!;

test('the reference has a section for each mapping of the plan, and no other', () => {
  expect([...sections.keys()].toSorted()).toEqual([...vocabulary.keys()].toSorted());
});

test.each([...vocabulary])('the section %s has a row for each word, and no other', (name, words) => {
  expect(
    sections
      .get(name)!
      .map((row) => row.word)
      .toSorted(),
  ).toEqual([...words].toSorted());
});

test('its example is a plan', () => {
  expect(loadPlanText(example, 'docs/plan-reference.md').phases).toHaveLength(4);
});

test('the defaults that it tells are those that plan show prints', () => {
  const shown = parse(
    showPlan(
      loadPlanText(
        'version: 1\nplan: p\nrehearsal: { on: beside }\nphases:\n  - { phase: f, kind: foundation }\n  - phase: t\n    tables: [t, { table: s, key: { surrogate: id } }, { table: a, key: { adopt: x } }]\n    window: { from: "00:00", to: "24:00" }\n    readiness: [{ check: c, sql: s }]\n    checks: [{ check: c, sql: s }, { check: h, http: { get: "http://x" } }, { check: k, hook: h }]\n  - { phase: c, kind: cleanup }\n',
        'x',
      ),
    ),
  );
  const [foundation, tables, cleanup] = shown.phases;
  const places: Record<string, unknown> = {
    plan: { ...shown, rehearsal: 'skip' },
    keys: shown.keys,
    map: shown.map,
    'pause-when': shown.map['pause-when'],
    locks: shown.locks,
    probes: shown.probes,
    rehearsal: shown.rehearsal,
    'phase of kind foundation': foundation,
    'phase of kind tables': tables,
    'phase of kind cleanup': cleanup,
    'key: adopted': tables.tables[2].key,
    window: tables.window,
    readiness: tables.readiness[0],
    'check by sql': tables.checks[0],
    'check by http': tables.checks[1],
    'check by hook': tables.checks[2],
    http: tables.checks[1].http,
    checkpoint: tables.checkpoints['before-swap'],
  };
  let compared = 0;
  for (const [name, values] of Object.entries(places)) {
    for (const { word, byDefault } of sections.get(name)!) {
      const told = /^`([^`]+)`$/.exec(byDefault)?.[1];
      if (told === undefined) continue;
      expect(`${name}.${word}: ${told}`).toBe(
        `${name}.${word}: ${(values as Record<string, unknown>)[word]}`,
      );
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(35);
  expect(tables.tables[1]).toMatchObject({ children: 's_id', key: { unique: 'uq_s' } });
  for (const phase of shown.phases) {
    for (const { word, byDefault } of sections.get(`checkpoints of ${phase.kind}`)!) {
      expect([phase.kind, word, phase.checkpoints[word] === 'off' ? '`off`' : '`on`']).toEqual([
        phase.kind,
        word,
        byDefault,
      ]);
    }
  }
});
