import { changesOf } from '../../src/plan/changes.js';
import { loadPlanText } from '../../src/plan/load.js';
import { formatPath } from '../../src/plan/problems.js';
import { everyWord, fileName } from './every-word.js';

const before = loadPlanText(everyWord, fileName);

function changes(phase: string, change: string, into: string): string[] {
  expect(everyWord).toContain(change);
  const now = loadPlanText(
    everyWord.replace(change, () => into),
    fileName,
  );
  return changesOf(before, now, phase).map((path) => formatPath(path, (i) => now.phases[i]?.phase));
}

test.each([
  ['a word of the phase', 'risk: critical', 'risk: high', ['phases[users].risk']],
  ['a word in a word', 'from: "22:00"', 'from: "21:00"', ['phases[users].window.from']],
  ['a table more', '[users, lobs, roles,', '[users, lobs, countries, roles,', 3],
  ['a checkpoint, by its word', 'approvals: 2', 'approvals: 3', ['phases[users].checkpoints']],
  ['what it uses of the whole plan', 'stall: 150ms', 'stall: 100ms', ['locks.stall']],
  ['a reference that moves with it', 'orphans: refuse', 'orphans: keep', ['references']],
])('a changed phase says where: %s', (_, change, into, where) => {
  const found = changes('users', change, into);
  if (typeof where === 'number') expect(found.length).toBeGreaterThanOrEqual(where);
  else expect(found).toEqual(where);
});

test('what is changed in another phase is no change of this one', () => {
  expect(changes('leaf-tables', 'risk: critical', 'risk: high')).toEqual([]);
});
