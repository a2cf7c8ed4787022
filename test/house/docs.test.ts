import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { readHooks } from '../../src/checks/hooks-file.js';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { loadPlanText } from '../../src/plan/load.js';
import { expectedCommands } from './documented-commands.js';
import { projectFiles, root, textOf } from './tracked.js';

const pages = projectFiles().filter((path) => /^(README\.md|docs\/.*\.md|examples\/.*\.md)$/.test(path));
const sources = projectFiles()
  .filter((path) =>
    /^(src|activities|workflows|examples|scripts|bin|test)\/.*\.(ts|mjs|js)$|^worker\.ts$|^\.ci\/run$/.test(
      path,
    ),
  )
  .filter((path) => !path.startsWith('test/house/'))
  .map(textOf)
  .join('\n');

/** The anchors of a page, as GitHub makes them of its headings. */
function anchors(path: string): string[] {
  return [...textOf(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('there are pages, in the order in which an operator needs them', () => {
  const linked = [...textOf('README.md').matchAll(/\]\((docs\/[a-z-]+\.md)\)/g)].map(([, path]) => path);
  const missing = pages.filter((path) => path.startsWith('docs/') && !linked.includes(path));
  expect(missing).toEqual([]);
});

test('every link within the project leads to a file, and to a heading where it names one', () => {
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      if (/^[a-z]+:/.test(link!)) return [];
      const [path, anchor] = link!.split('#') as [string, string?];
      const target = path === '' ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(root, target))) return [`${page}: ${link}`];
      return anchor && !anchors(target).includes(anchor) ? [`${page}: ${link}`] : [];
    }),
  );
  expect(broken).toEqual([]);
});

test('every variable that a page names is read by the code', () => {
  const unknown = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\b(?:REKEY|TESTAPP|TEMPORAL)_[A-Z_]+/g)]
      .map(([name]) => name.replace(/_$/, ''))
      .filter((name) => !/^(TEMPORAL_(ADDRESS|NAMESPACE))$/.test(name))
      .filter((name) =>
        /^REKEY_CONNECTION/.test(name) ? !sources.includes('REKEY_CONNECTION_') : !sources.includes(name),
      )
      .map((name) => `${page}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('workflow types, signals, queries, updates and steps that a page names are those of the workflows', () => {
  const workflows = projectFiles()
    .filter((path) => path.startsWith('workflows/'))
    .map(textOf)
    .join('\n');
  const wrong = pages.flatMap((page) => {
    const commands = [...textOf(page).matchAll(/temporal workflow [^\n]*(?:\\\n[^\n]*)*/g)].map(
      ([text]) => text,
    );
    return commands.flatMap((text) => {
      const names = [
        ...[...(/ signal /.test(text) ? text.matchAll(/--name ([a-z-]+)/g) : [])].map(([, n]) => `'${n}'`),
        ...[...(/ update /.test(text) ? text.matchAll(/--name ([a-z-]+)/g) : [])].map(([, n]) => `'${n}'`),
        ...[...(/ query /.test(text) ? text.matchAll(/--type ([a-z-]+)/g) : [])].map(([, n]) => `'${n}'`),
        ...[...(/ start /.test(text) ? text.matchAll(/--type ([A-Za-z]+)/g) : [])].map(
          ([, n]) => `function ${n}(`,
        ),
      ];
      return names.filter((name) => !workflows.includes(name)).map((name) => `${page}: ${name}`);
    });
  });
  expect(wrong).toEqual([]);
  expect(textOf('docs/operating.md')).toContain('--name resolve');
});

test('every command of rekey that a page names exists, with its options', () => {
  const known = expectedCommands();
  const wrong = pages.flatMap((page) =>
    [...textOf(page).matchAll(/npx rekey ((?:plan )?[a-z][a-z-]*)([^\n`]*)/g)].flatMap(
      ([whole, command, rest]) => {
        const options = known.get(command!);
        if (options === undefined) return [`${page}: ${whole}`];
        return [...rest!.matchAll(/ (--[a-z-]+)/g)]
          .filter(([, o]) => !options.includes(o!))
          .map(([, o]) => `${page}: ${command} ${o}`);
      },
    ),
  );
  expect(wrong).toEqual([]);
});

test('start commands on the pages refuse to print somebody else’s run', () => {
  const starts = pages.flatMap((page) =>
    [...textOf(page).matchAll(/^(?:\$ )?temporal workflow start [^\n]*(?:\\\n[^\n]*)*/gm)].map(
      ([text]) => text,
    ),
  );
  expect(starts.length).toBeGreaterThan(1);
  expect(starts.filter((text) => !text.includes('--fail-existing'))).toEqual([]);
});

test('pictures are small enough to be loaded on a bad line', () => {
  const pictures = projectFiles().filter((path) => path.startsWith('docs/images/'));
  expect(pictures).not.toHaveLength(0);
  expect(pictures.filter((path) => statSync(join(root, path)).size > 200_000)).toEqual([]);
  const used = pages.map((page) => readFileSync(join(root, page), 'utf8')).join('\n');
  expect(pictures.filter((path) => !used.includes(path.replace('docs/', '')))).toEqual([]);
});

test('the plans and the hooks that pages show can be read as they stand', () => {
  const blocks = pages.flatMap((page) =>
    [...textOf(page).matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => ({ page, text: text! })),
  );
  const plans = blocks.filter(({ text }) => text.startsWith('version: 1'));
  const hooks = blocks.filter(({ page, text }) => page === 'docs/operating.md' && text.includes('command:'));
  expect(plans.length).toBeGreaterThan(1);
  expect(hooks).not.toHaveLength(0);
  for (const { page, text } of plans) expect(loadPlanText(text, page).phases).not.toHaveLength(0);
  for (const { page, text } of hooks) expect(readHooks(text, page).size).toBeGreaterThan(1);
});

test('the page for operators has every exit code of rekey', () => {
  const rows = [...textOf('docs/operating.md').matchAll(/^\| (\d) \| /gm)].map(([, code]) => Number(code));
  expect(rows).toEqual(Object.values(exitCodes));
});
