import { loadPlanText } from '../../src/plan/load.js';
import { notCarriedOver } from '../../src/plan/not-carried-over.js';
import { everyWord, fileName } from './every-word.js';

function found(phase: string, text = everyWord): string[] {
  const plan = loadPlanText(text, fileName);
  const hazards = notCarriedOver(plan, plan.phases.find((p) => p.phase === phase)!);
  expect(hazards.every((h) => h.rank === 'stop' && h.hazard === 'not-carried-over-yet')).toBe(true);
  return hazards.map((h) => `${h.on}: ${h.message.replace(' is not carried over yet', '')}`);
}

test('words of things to come stop the phase that uses them, each with its object', () => {
  expect(found('users')).toEqual([
    'reports.reviewer_ids: an array of references (each)',
    'audit_logs.details: a reference in a JSON value (path)',
    'users: rehearsal',
    'policy own on orders: definitions',
  ]);
  expect(found('dependents')).toContain('audit_logs.entity_id: a polymorphic reference (by)');
  expect(found('leaf-tables')).toEqual(['leaf-tables: rehearsal', 'policy own on orders: definitions']);
});

test('other strategies and stored keys stop a phase, too', () => {
  const text = everyWord
    .replace(
      'tables: [users, lobs,',
      'twins: late\n    tables: [{ table: users, key: { stored: gid } }, { table: lobs, map: { strategy: copy } },',
    )
    .replace('accept:', 'subscribers: [{ name: warehouse, because: it knows }]\naccept:');
  expect(found('users', text)).toEqual(
    expect.arrayContaining(['users: a stored key', 'lobs: the strategy copy']),
  );
});

test('a plan of what there is so far has none of them', () => {
  const text =
    'version: 1\nplan: p\nphases:\n  - { phase: f, kind: foundation }\n  - { phase: t, tables: [t] }\n';
  const plan = loadPlanText(text, 'p.yaml');
  expect(plan.phases.flatMap((phase) => notCarriedOver(plan, phase))).toEqual([]);
});
