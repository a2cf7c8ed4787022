import { projectFiles, textOf } from './tracked.js';

const example = textOf('.env.example');
const named = new Set([...example.matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1]!));

/** Set by Rekey itself for what it starts, never by an operator. */
const ours = new Set([
  'REKEY_FIGURES',
  'REKEY_KEY',
  'REKEY_MOMENT',
  'REKEY_PHASE',
  'REKEY_PLAN',
  'REKEY_RELIABILITY',
  'TEMPORAL_VERSION_CHECK_DISABLED',
]);

const code = projectFiles().filter((path) =>
  /^(src|activities|workflows|examples|scripts|bin)\/.*\.(ts|mjs|js)$|^worker\.ts$/.test(path),
);

test('every variable that the code reads is in .env.example', () => {
  const read = code.flatMap((path) =>
    [...textOf(path).matchAll(/\b(?:REKEY|TEMPORAL|TESTAPP)_[A-Z][A-Z_]*\b/g)].map((match) => match[0]),
  );
  expect(read).toContain('REKEY_PLANS');
  const missing = new Set(
    read.filter((name) => !named.has(name) && !ours.has(name) && !name.startsWith('REKEY_CONNECTION')),
  );
  expect([...missing]).toEqual([]);
});

test('every variable in .env.example is one that something reads', () => {
  const all = projectFiles()
    .filter((path) => path !== '.env.example' && /\.(ts|mjs|js)$/.test(path))
    .map(textOf)
    .join('\n');
  expect([...named].filter((name) => !name.startsWith('REKEY_CONNECTION_') && !all.includes(name))).toEqual(
    [],
  );
});

test('the connections in .env.example have the names that the code would look for', () => {
  expect([...named].filter((name) => name.startsWith('REKEY_CONNECTION_'))).toEqual([
    'REKEY_CONNECTION_TESTAPP',
    'REKEY_CONNECTION_TESTAPP_SCRATCH',
  ]);
});
