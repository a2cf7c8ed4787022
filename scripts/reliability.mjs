// The text of docs/reliability.md: what Rekey promises, the tests that showed it in one run of `npm test`, and what
// they measured. `npm run test:reliability` runs all tests and writes the file; test/house/reliability.test.ts sees to
// it that it has every promise, and that every promise's tests are there.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

const areas = [
  ['roles-and-triggers', 'Roles and triggers'],
  ['locks', 'Locks'],
  ['lock-scenarios', 'Locks among live clients'],
  ['objects', 'Objects'],
  ['speed', 'Speed'],
  ['upserts', 'Upserts'],
  ['clients', 'Live clients'],
  ['moving-schema', 'A moving schema'],
  ['around', 'Around the database'],
  ['restarts', 'Restarts and cuts'],
  ['temporal', 'Temporal'],
  ['decisions', 'Decisions'],
  ['incidents', 'In an incident'],
  ['operator', 'What an operator is told'],
  ['chaos', 'Everything at once'],
];

/** The lists of test/promises, by the names of their files. */
export function promiseLists() {
  require('../test/setup/register.js');
  const folder = join(root, 'test/promises');
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && file !== 'model.ts')
    .map((file) => file.slice(0, -3));
  const unknown = names.filter((name) => !areas.some(([area]) => area === name));
  if (unknown.length > 0) throw new Error(`scripts/reliability.mjs has no heading for ${unknown.join(', ')}`);
  return areas
    .filter(([area]) => names.includes(area))
    .map(([area, heading]) => ({ area, heading, promises: require(join(folder, `${area}.ts`)).promises }));
}

/**
 * `report` is what jest --json writes, `figures` the lines that test/figures.ts wrote, `chaos` those of
 * chaos/results.tsv. Throws where a promise names a test that did not pass, or a figure that nobody measured.
 */
export function reliabilityText(report, figures, chaos) {
  const results = new Map();
  for (const { name, assertionResults } of report.testResults)
    for (const { title, status, duration } of assertionResults)
      results.set(`${relative(root, name)}\n${title}`, { status, duration });
  // a page that is made from a run in which something failed would be believed all the same
  const problems = report.numFailedTests > 0 ? [`${report.numFailedTests} tests failed`] : [];
  const sections = promiseLists().map(({ heading, promises }) => {
    const lines = promises.map(({ promise, tests, figures: names = [] }) => {
      for (const [file, title] of tests) {
        const found = matching(results, file, title);
        if (found.length === 0) problems.push(`no such test ran: ${file}: ${title}`);
        if (found.some(({ status }) => status !== 'passed')) problems.push(`did not pass: ${file}: ${title}`);
      }
      const shown = names.map((name) => {
        const values = figures.filter((one) => one.name === name);
        if (values.length === 0) problems.push(`nobody measured: ${name}`);
        return shownFigure(name, values);
      });
      const tested = [...new Set(tests.map(([file]) => file))].map(
        (file) => `\`${file.replace('test/', '')}\``,
      );
      return `| ${cell(promise)} | ${tested.join('<br>')} | ${shown.join('<br>')} |`;
    });
    return `## ${heading}\n\n| promise | test | figure |\n| --- | --- | --- |\n${lines.join('\n')}`;
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return `${intro(report)}\n\n${sections.join('\n\n')}\n\n${chaosText(chaos)}\n`;
}

/** A title of test.each stands in the list as it stands in the source: with its %s, %i, $name. */
function matching(results, file, title) {
  const exact = results.get(`${file}\n${title}`);
  if (exact) return [exact];
  const pattern = title
    .split(/%[sidfjo]|\$[\w.]+/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*');
  const form = new RegExp(`^${pattern}$`);
  return [...results]
    .filter(([key]) => key.startsWith(`${file}\n`) && form.test(key.slice(file.length + 1)))
    .map(([, result]) => result);
}

function shownFigure(name, values) {
  const numbers = values.map(({ value }) => value).sort((a, b) => a - b);
  if (numbers.length === 0) return name;
  const unit = values[0].unit === 'x' ? ' x' : ` ${values[0].unit}`;
  const median = numbers[Math.floor((numbers.length - 1) / 2)];
  const most = numbers.at(-1);
  const shown =
    median === most ? `${round(most)}${unit}` : `${round(median)}${unit}, at most ${round(most)}${unit}`;
  return `${cell(name)}: ${shown}`;
}

const round = (value) =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
const cell = (text) => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');

function intro(report) {
  const day = new Date(report.startTime).toISOString().slice(0, 10);
  return `# What holds, and what shows it

Each line is a promise, the test files that showed it, and what they measured, in one run of all tests on ${day}:
${report.numPassedTests.toLocaleString('en-US')} passed, ${report.numFailedTests} failed, on real PostgreSQL and Temporal servers, as roles without superuser.
\`npm run test:reliability\` runs them again and writes this page; a promise with a test that fails can't stand here.
Where a figure was taken more than once the median is shown, and the greatest. Figures are of a busy machine with two
cores. What is not promised stands in [limits.md](limits.md), speed in [benchmark.md](benchmark.md).`;
}

function chaosText(chaos) {
  if (chaos.length === 0) return '';
  const held = (lines) => lines.filter(({ result }) => result === 'held').length;
  const of = (what, lines) => `${lines.length.toLocaleString('en-US')} ${what}, of which ${held(lines)} held`;
  const whole = chaos.filter(({ what }) => what === 'whole');
  const minutes = chaos.filter(({ what }) => what.endsWith('-minutes'));
  const single = chaos.filter((line) => !whole.includes(line) && !minutes.includes(line));
  return `## Rounds of chaos

\`npm run chaos\` has played ${of('rounds of one phase', single)}, and ${of('rounds of the whole plan', whole)}; with the network cut
for minutes (\`--minutes\`) ${of('rounds of one phase', minutes)}. Each line of
[chaos/results.tsv](../chaos/results.tsv) has the seed, the commit, what struck, and for a round that did not hold what was wrong;
once that is mended the round is played again, and its line replaced.`;
}

/** chaos/results.tsv as objects. */
export function chaosResults() {
  try {
    const [head = '', ...lines] = readFileSync(join(root, 'chaos/results.tsv'), 'utf8').trim().split('\n');
    const names = head.split('\t');
    return lines.map((line) => Object.fromEntries(line.split('\t').map((value, at) => [names[at], value])));
  } catch {
    return [];
  }
}
