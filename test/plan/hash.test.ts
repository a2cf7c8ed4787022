import { phaseHash, planDocumentHash } from '../../src/plan/hash.js';
import { loadPlanText } from '../../src/plan/load.js';
import { normalPhase } from '../../src/plan/normal.js';
import { everyWord, fileName } from './every-word.js';

const plan = loadPlanText(everyWord, fileName);
const phases = plan.phases.map((p) => p.phase);

/** The phases whose hash changes where this text of the plan becomes that one. */
function changedBy(change: string, into: string): string[] {
  expect(everyWord).toContain(change);
  const changed = loadPlanText(
    everyWord.replace(change, () => into),
    fileName,
  );
  return phases.filter((phase) => phaseHash(changed, phase) !== phaseHash(plan, phase));
}

test('a hash has 12 hex characters, and the normalised text has sorted words and no secret', () => {
  expect(phaseHash(plan, 'users')).toMatch(/^[0-9a-f]{12}$/);
  expect(planDocumentHash(plan)).toMatch(/^[0-9a-f]{64}$/);
  const text = normalPhase(plan, 'users');
  expect(Object.keys(JSON.parse(text))).toEqual(Object.keys(JSON.parse(text)).toSorted());
  expect(text).toContain('${TESTAPP_URL}/login');
});

test('writing a default out, comments and order of words change no hash', () => {
  expect(changedBy('mapping: keep', 'mapping: keep # for now')).toEqual([]);
  expect(changedBy('{ success: 10%, rollback: 20% }', '{ rollback: 20%, success: 10% }')).toEqual([]);
  expect(changedBy('risk: critical', 'risk: critical\n    twins: early')).toEqual([]);
  expect(changedBy('timeout: 48h', 'timeout: 2d')).toEqual([]);
});

test('a change in one phase changes the hash of that phase alone', () => {
  expect(changedBy('approvals: 2', 'approvals: 3')).toEqual(['users']);
  expect(changedBy('mapping: keep', 'mapping: archive')).toEqual(['cleanup']);
  expect(changedBy('surrogate: id', 'surrogate: uid')).toEqual(['workflow-core']);
});

test('a word of the whole plan changes the phases that use it', () => {
  expect(changedBy('batch: 5000', 'batch: 100')).toEqual([
    'leaf-tables',
    'users',
    'workflow-core',
    'attributes',
    'dependents',
  ]);
  expect(changedBy('stall: 150ms', 'stall: 100ms')).toEqual(phases);
});

test('a reference changes the phase of its last target', () => {
  expect(changedBy('orphans: refuse', 'orphans: keep')).toEqual(['users']);
  expect(changedBy('by: entity_type', 'by: kind')).toEqual(['dependents']);
});

test('what is accepted changes the phase that lists the table, or the one that the entry names', () => {
  expect(changedBy('hazard: column-order', 'hazard: select-star')).toEqual(['users']);
  const other = (phase: string) => `accept:\n  - { hazard: x, on: sessions, because: y${phase} }`;
  expect(changedBy('accept:', other(''))).toEqual([]);
  expect(changedBy('accept:', other(', phase: attributes'))).toEqual(['attributes']);
});

test('a phase that is not there is named, with those that are', () => {
  expect(() => phaseHash(plan, 'user')).toThrow(expect.objectContaining({ code: 'plan.unknown-phase' }));
});
