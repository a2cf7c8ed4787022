import { readFileSync } from 'node:fs';
import { exitCodeOf, exitCodes } from '../../src/cli/exit-codes.js';
import { failureText, toldToTypeAgain } from '../../src/cli/failure.js';
import { hazardsText } from '../../src/cli/hazards-text.js';
import { bytes, columns, duration, wrap } from '../../src/cli/layout.js';
import { visible } from '../../src/cli/output.js';
import { RekeyError } from '../../src/errors.js';

const error = (type: 'BadInput' | 'Hazard' | 'StepFailed' | 'Transient', code: string) =>
  new RekeyError(type, { code, message: 'it is so', remedy: 'Do this.', where: 'there' });

test('an error is told as what, where, what to do and its code', () => {
  expect(failureText(error('BadInput', 'plan.x'))).toBe(
    'rekey: cannot go on\n\n  where  there\n  what   it is so\n  do     Do this.\n  code   plan.x\n',
  );
});

test('a bug is told as one, without its text or its stack: they may hold rows', () => {
  const text = failureText(new TypeError('cannot read 4711 of Smith'));
  expect(text).toContain('internal error (TypeError)');
  expect(text).not.toMatch(/Smith| {4}at /);
});

test('what a terminal would obey is written out, so that no signal, name or message of others can draw over a screen', () => {
  expect(visible('ann\u001b[2J\r\u0007\u009b\u202e\tsaid\nso')).toBe(
    'ann\\x1b[2J\\x0d\\x07\\x9b\\u202e\tsaid\nso',
  );
  expect(visible('Zoë, 東京, "quoted" \\x1b')).toBe('Zoë, 東京, "quoted" \\x1b');
});

const retold = (remedy: string) =>
  (toldToTypeAgain(new RekeyError('StepFailed', { code: 'c', message: 'm', remedy })) as RekeyError).remedy;

test.each([
  [
    'Make room on the server, then resolve with retry.',
    'Make room on the server, then type the same command again.',
  ],
  ['Resolve preflight with retry, or roll the phase back.', 'Type the same command again.'],
  [
    'Find out who dropped it, then resolve with retry or rollback.',
    'Find out who dropped it, then type the same command again.',
  ],
  [
    'Grant what is missing, then resolve with retry, or type the command again.',
    'Grant what is missing, then type the same command again.',
  ],
  [
    "Set X in the worker's environment to a directory, start the worker again, then resolve with retry.",
    'Set X in the environment of this command to a directory, then type the same command again.',
  ],
])('undo has no workflow that could be told to try again: "%s"', (remedy, here) => {
  expect(retold(remedy)).toBe(here);
});

test('whatever error an undo ends with, nobody is told to resolve a step or to start a worker', () => {
  const cells = readFileSync('docs/errors.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split(' | ').at(-1)?.replace(/ \|$/, '') ?? '');
  expect(cells.filter((cell) => /with retry/.test(cell)).length).toBeGreaterThan(20);
  expect(cells.map(retold).filter((cell) => /with retry|start the worker/.test(cell))).toEqual([]);
});

test.each([
  [error('BadInput', 'plan.unknown-word'), exitCodes.usage],
  [error('Hazard', 'orphans'), exitCodes.problems],
  [error('StepFailed', 'backup.damaged'), exitCodes.problems],
  [error('Transient', 'connection.no-answer'), exitCodes.unreachable],
  [error('BadInput', 'connection.refused'), exitCodes.unreachable],
  [new Error('bug'), exitCodes.internal],
])('%s has its exit code', (thrown, code) => {
  expect(exitCodeOf(thrown)).toBe(code);
});

test('what is said of many objects in the same words is said once, stops first', () => {
  const hazard = (rank: 'stop' | 'note', on: string) => ({
    hazard: 'h',
    rank,
    on,
    message: `${on} is odd`,
    remedy: `mend ${on}`,
  });
  expect(hazardsText([hazard('note', 'a'), hazard('note', 'b'), hazard('stop', 'c')])).toBe(
    '  stop   c: h\n         c is odd\n         -> mend c\n\n  note   2 objects: h\n         <name> is odd\n         -> mend <name>\n         a, b',
  );
});

test('names are never cut, however long they are', () => {
  const name = 'a'.repeat(120);
  expect(wrap('what', name)).toContain(name);
  expect(
    columns([
      [name, 'x'],
      ['b', 'y'],
    ]).split('\n')[1],
  ).toBe(`  b${' '.repeat(121)}y`);
});

test('figures are short', () => {
  expect([bytes(512), bytes(1536), bytes(5 * 1024 ** 3)]).toEqual(['512 bytes', '1.5 kB', '5.0 GB']);
  expect([duration(0.0123), duration(3.21), duration(75), duration(1200), duration(9000)]).toEqual([
    '12 ms',
    '3.2 s',
    '75 s',
    '20 min',
    '2.5 h',
  ]);
});
