import { demoOptions } from '../../examples/demo/options.js';

test('without an option the demo runs as the README says', () => {
  expect(demoOptions([])).toEqual({
    rows: 200_000,
    rate: 100,
    seed: 7,
    version: 18,
    interactive: false,
    keep: false,
  });
  expect(demoOptions(['--help'])).toBeNull();
});

test.each([
  [['--rows', 'many'], '--rows must be a whole number from 1000'],
  [['--rows', '1e6'], 'not 1e6'],
  [['--rows', '12'], '--rows'],
  [['--rate', '0'], '--rate'],
  [['--version', '13'], '--version must be a whole number from 14 to 18, not 13'],
  [['--kep'], '--kep'],
])('%j is refused before a server is started', (args, says) => {
  expect(() => demoOptions(args)).toThrow(says);
});
