import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { errorTypes } from '../../src/errors.js';
import { postgresErrors } from '../../src/postgres/sqlstates.js';
import { projectFiles, root, textOf } from './tracked.js';

const docs = textOf('docs/errors.md');

/** The codes that the page documents, with the types beside them. */
const documented = [
  ...docs.slice(docs.indexOf('## Errors')).matchAll(/^\| `([a-z.-]+)` \(([A-Za-z, ]+)\) \|/gm),
].map(([, code, types]) => ({ code: code as string, types: (types as string).split(', ') }));
const hazards = [...docs.slice(0, docs.indexOf('## Errors')).matchAll(/^\| `([a-z-]+)` \(/gm)].map(
  ([, name]) => name,
);

test('the page of errors is what the generator makes of the sources', () => {
  const made = execFileSync(process.execPath, [join(root, 'scripts/make-error-docs.mjs'), '--print'], {
    encoding: 'utf8',
    maxBuffer: 10_000_000,
  });
  // `node scripts/make-error-docs.mjs` writes it again
  expect(docs === made).toBe(true);
});

test('every code stands there once, under one type', () => {
  const codes = documented.map(({ code }) => code);
  expect(codes.length).toBeGreaterThan(100);
  expect(codes).toEqual([...new Set(codes)]);
  expect(documented.filter(({ types }) => types.length !== 1 || !(types[0]! in errorTypes))).toEqual([]);
  expect(codes.filter((code) => hazards.includes(code))).toEqual([]);
});

test('no row lacks a cause or a remedy', () => {
  const rows = docs
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\| (---|code|hazard|type|`[A-Z])/.test(line));
  const empty = rows.filter((row) => {
    const [, , cause, remedy] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return !cause || !remedy || /^(<br>|;)*$/.test(cause);
  });
  expect(empty).toEqual([]);
});

test('every code and every hazard that the sources name is on the page', () => {
  const sources = projectFiles().filter((path) => /^(src|activities|workflows)\/.*\.ts$/.test(path));
  const named = sources.flatMap((path) =>
    [...textOf(path).matchAll(/\b(?:code|hazard): '([a-z.-]+)'|\bproblem\(\s*'([a-z-]+)'/g)].map(
      ([, literal, problem]) => literal ?? `plan.${problem}`,
    ),
  );
  const known = new Set([...documented.map(({ code }) => code), ...hazards]);
  // zod's own word for an issue of ours; a cancel, which is no error
  expect(
    [...new Set(named)].filter((code) => !['custom', 'step.cancelled'].includes(code) && !known.has(code)),
  ).toEqual([]);
  expect(Object.values(postgresErrors).filter(({ code }) => !known.has(code))).toEqual([]);
});
