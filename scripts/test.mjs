// npm test: type check, lint and all tests, on a clean clone too. The last line is `N passed, N failed`.
// Arguments go to jest: `npm test -- test/plan` runs one area. REKEY_RELIABILITY=write writes docs/reliability.md of it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (file, args, env = process.env) =>
  spawnSync(file, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env }).status === 0;
const tool = (name) => join(root, 'node_modules', '.bin', name);

let passed = 0;
let failed = 0;
const count = (name, good) => {
  if (good) return;
  failed += 1;
  console.log(`FAILED: ${name}`);
};

if (!existsSync(join(root, 'node_modules')) && !run('npm', ['ci'])) {
  console.log('FAILED: npm ci\n0 passed, 1 failed');
  process.exit(1);
}

count('type check', run(tool('tsc'), ['--noEmit']));
count('lint', run(tool('biome'), ['check', '.']));

const results = mkdtempSync(join(tmpdir(), 'rekey-test-'));
try {
  const file = join(results, 'jest.json');
  // a failed test may leave something open, which must not keep the machine waiting
  const jest = ['--forceExit', '--json', `--outputFile=${file}`, ...process.argv.slice(2)];
  const figures = join(results, 'figures.jsonl');
  const good = run(tool('jest'), jest, { ...process.env, REKEY_FIGURES: figures });
  if (existsSync(file)) {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    passed += report.numPassedTests;
    // a file that does not load has no failed tests; a skipped test is one that was not passed
    const left = report.numPendingTests + report.numTodoTests;
    failed += report.numFailedTests + report.numRuntimeErrorTestSuites + (process.argv.length > 2 ? 0 : left);
    if (report.numTotalTests === 0) count('no test ran', false);
    if (process.env.REKEY_RELIABILITY === 'write') await writeReliability(report, figures);
  } else {
    count('jest gave no results', false);
  }
  if (!good && failed === 0) count('jest', false);
} finally {
  rmSync(results, { recursive: true, force: true });
}

async function writeReliability(report, file) {
  const { chaosResults, reliabilityText } = await import('./reliability.mjs');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : [];
  try {
    const text = reliabilityText(
      report,
      lines.map((line) => JSON.parse(line)),
      chaosResults(),
    );
    writeFileSync(join(root, 'docs/reliability.md'), text);
  } catch (error) {
    console.log(error.message);
    count('docs/reliability.md', false);
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
