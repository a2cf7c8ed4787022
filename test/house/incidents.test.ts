import { states } from '../../src/decisions/status.js';
import { readPages } from '../e2e/incident-pages.js';
import { projectFiles, textOf } from './tracked.js';

const docs = textOf('docs/incidents.md');
const errors = textOf('docs/errors.md');
const pages = readPages();
const codesOf = (text: string) => [...text.matchAll(/^\| `([a-z.-]+)` \(([A-Za-z, ]+)\) \|/gm)];
const sources = projectFiles().filter((path) => /^(src|activities|workflows)\/.*\.ts$/.test(path));

/** Errors of the sources, as the page that is generated from them has them. */
const codes = codesOf(errors.slice(errors.indexOf('## Errors'))).map(([, code]) => code!);
const hazards = codesOf(errors.slice(0, errors.indexOf('## Errors')))
  .filter(([, , ranks]) => /stop|accept/.test(ranks!))
  .map(([, hazard]) => hazard!);

/** The servers that the demo and the tests start are no part of a migration. */
function isOfAPhase(code: string): boolean {
  return !code.startsWith('server.');
}

test('every code that can stop a phase, a start or an undo stands in the table of one page', () => {
  const table = docs.slice(docs.indexOf('## Every code has its page'));
  const named = [...table.matchAll(/`([a-z-]+(?:\.[a-z-]+)?)`/g)].map(([, code]) => code!);
  expect(named).toEqual([...new Set(named)]);
  const missing = codes.filter(
    (code) => isOfAPhase(code) && !code.startsWith('plan.') && !named.includes(code),
  );
  expect(missing).toEqual([]);
  expect(table).toContain('`plan.<word>`');
  expect(named.filter((code) => !codes.includes(code))).toEqual([]);
});

test('every hazard that stops preflight stands once on its page, with what has to be done', () => {
  const page = pages.find(({ title }) => title === 'A hazard stands in the way');
  const rows = [...(page?.text ?? '').matchAll(/^\| [a-z].* \| (`.*`) \|$/gm)].flatMap(([, row]) =>
    [...row!.matchAll(/`([a-z-]+)`/g)].map(([, hazard]) => hazard!),
  );
  expect(rows.sort()).toEqual([...hazards].sort());
});

test('every page stands in the table at the top, and says what one sees, what it means and what to type', () => {
  expect(pages.length).toBeGreaterThan(30);
  const top = docs.slice(0, docs.indexOf('\n## '));
  const linked = [...top.matchAll(/^\| .* \| \[(.*)\]\(#/gm)].map(([, title]) => title!);
  expect(linked).toEqual(pages.map(({ title }) => title));
  for (const page of pages) {
    expect({ page: page.title, sees: page.sees.length > 0 }).toEqual({ page: page.title, sees: true });
    expect(page.types.length + page.orElse.length).toBeGreaterThan(0);
  }
});

/** What the sources say: their texts with a break where a name or number is filled in. */
const said = sources
  .map(textOf)
  .join('\n')
  .replace(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, '\u0000')
  .replace(/\\'/g, "'")
  .replace(/\\`/g, '`')
  .replace(/['"`]\s*\+\s*['"`]/g, '')
  .replace(/\s+/g, ' ');

/** Labels that stand before a text, words of Temporal and of JSON. */
const labels = /^(what|do|code|approved|way back|Status|Message:|"(state|step|code)":)\s*/;
/** Where a name, a number or another text of Rekey's is filled in. */
const joints =
  / \(SQLSTATE|\)|<[^<>]*>|4711|: |; |\. |, | is | on |(?<=\b(?:PARKED|approval) at) .*|\btestapp\S*|\bof \d\b|(?<=changed since) preflight|\b(?:ignored|phase|held|by|approve) |\b(?:stand|hazard)s? |["{}]|\.$/;
/** States are shown with blanks in the place of hyphens, names of steps are the activities'. */
const words = new Set([...states.map((state) => state.replaceAll('-', ' ')), 'readMigration', 'CLOSED']);

test('what a page says that one sees is what the sources say', () => {
  const unknown = pages.flatMap((page) =>
    page.sees
      .join('\n')
      .split('\n')
      .flatMap((line) =>
        line
          .trim()
          .replace(labels, '')
          .split(joints)
          .map((piece) => piece.replace(/\s+/g, ' ').trim())
          .filter((piece) => piece.length > 3 && !said.includes(piece) && !words.has(piece))
          .map((piece) => `${page.title}: ${piece}`),
      ),
  );
  expect(unknown).toEqual([]);
});
