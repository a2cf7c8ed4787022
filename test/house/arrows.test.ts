import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { projectFiles, root, textOf } from './tracked.js';

interface Import {
  from: string;
  to: string;
}

/** What a file imports at run time: `import type` vanishes in the build, a type among values does too. */
function imports(path: string): Import[] {
  const found: Import[] = [];
  const statement = /^(?:import|export)\s+(?!type\b)(?:([^'";]*?)\s+from\s+)?'([^']+)'/gm;
  for (const [, what, to] of textOf(path).matchAll(statement)) {
    const names = /^\{([^}]*)\}$/.exec((what ?? '').trim())?.[1];
    const onlyTypes = names
      ?.split(',')
      .every((name) => name.trim() === '' || name.trim().startsWith('type '));
    if (onlyTypes) continue;
    const relative = to!.startsWith('.');
    found.push({
      from: path,
      to: relative ? normalize(join(dirname(path), to!)).replace(/\.js$/, '.ts') : to!,
    });
  }
  for (const [, to] of textOf(path).matchAll(/\b(?:import|require)\('([^']+)'\)/g)) {
    found.push({
      from: path,
      to: to!.startsWith('.') ? normalize(join(dirname(path), to!)).replace(/\.js$/, '.ts') : to!,
    });
  }
  return found;
}

const sources = projectFiles().filter((path) =>
  /^(src|activities|workflows)\/.*\.ts$|^worker\.ts$/.test(path),
);

test('no workflow reaches the file system, PostgreSQL, YAML or anything else outside the sandbox', () => {
  const allowed = /^(@temporalio\/(workflow|common)|zod)(\/|$)/;
  const seen = new Map<string, string>();
  const waiting = sources
    .filter((path) => path.startsWith('workflows/'))
    .map((path) => ({ path, way: path }));
  expect(waiting).not.toHaveLength(0);
  const wrong: string[] = [];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (seen.has(next.path)) continue;
    seen.set(next.path, next.way);
    for (const { to } of imports(next.path)) {
      if (existsSync(join(root, to))) waiting.push({ path: to, way: `${next.way} -> ${to}` });
      else if (!allowed.test(to)) wrong.push(`${next.way} -> ${to}`);
    }
  }
  expect(wrong).toEqual([]);
});

test.each([
  // names are quoted by one function and cut by another, wherever they are made or printed
  ['src/plan', ['src/plan', 'src/errors.ts', 'src/catalog/quote.ts', 'src/catalog/cut-name.ts']],
  ['src/catalog', ['src/catalog', 'src/plan', 'src/errors.ts']],
  ['src/kinds', ['src/kinds', 'src/catalog', 'src/plan', 'src/errors.ts']],
  ['src/substitution', ['src/substitution', 'src/kinds', 'src/catalog', 'src/plan', 'src/errors.ts']],
])('%s imports only what lies below it', (area, below) => {
  const files = sources.filter((path) => path.startsWith(`${area}/`));
  expect(files).not.toHaveLength(0);
  const wrong = files
    .flatMap(imports)
    .filter(({ to }) => /^(src|activities|workflows)\//.test(to))
    .filter(({ to }) => !below.some((place) => to === place || to.startsWith(`${place}/`)));
  expect(wrong).toEqual([]);
});

test('what talks to PostgreSQL knows nothing of plans', () => {
  const wrong = sources
    .filter((path) => path.startsWith('src/postgres/'))
    .flatMap(imports)
    .filter(({ to }) => /^src\/(plan|checks|backup|report|cli|servers)\//.test(to));
  expect(wrong).toEqual([]);
});

test('there is no barrel file that hides what is imported from where', () => {
  expect(sources.filter((path) => /(^|\/)index\.ts$/.test(path) && !path.startsWith('workflows/'))).toEqual(
    [],
  );
});
