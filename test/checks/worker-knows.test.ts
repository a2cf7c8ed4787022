import { unknownToWorker } from '../../src/checks/hazards/worker.js';
import { readHooks } from '../../src/checks/hooks-file.js';
import { loadPlanText } from '../../src/plan/load.js';
import { everyWord, fileName } from '../plan/every-word.js';

const users = loadPlanText(everyWord, fileName).phases.find((p) => p.phase === 'users')!;
const every = ['stop-application', 'start-application', 'start-previous-version', 'old-token'];
const hooks = (names: string[]) =>
  readHooks(
    names.map((name) => `${name}: { command: [true] }`.replace('[true]', '["true"]')).join('\n'),
    'hooks.yaml',
  );

test('a worker that has all hooks and variables of a phase raises nothing', () => {
  expect(unknownToWorker(users, hooks(every), { TESTAPP_URL: 'http://x' })).toEqual([]);
});

test('a hook that the worker does not have is named before anything is changed, once, with the one that was meant', () => {
  const found = unknownToWorker(users, hooks(['stop-application', 'start-aplication', 'old-token']), {
    TESTAPP_URL: 'http://x',
  });
  expect(found.map(({ hazard, rank, on }) => [hazard, rank, on])).toEqual([
    ['hook-missing', 'stop', 'hook start-application'],
    ['hook-missing', 'stop', 'hook start-previous-version'],
  ]);
  expect(found[0]?.message).toContain('did you mean start-aplication?');
});

test('so is a variable of a check', () => {
  expect(unknownToWorker(users, hooks(every), {})).toMatchObject([
    { hazard: 'variable-missing', rank: 'stop', on: 'variable TESTAPP_URL' },
  ]);
});
