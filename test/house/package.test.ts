import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { projectFiles, root, textOf } from './tracked.js';

const compiled = (path: string) => join('dist', path.replace(/\.ts$/, '.js'));
/** Files of the build by their source. */
const sources = new Map(
  projectFiles()
    .filter((path) => /^(src|activities|workflows|examples|bench)\/.*\.ts$|^worker\.ts$/.test(path))
    .map((path) => [compiled(path), path]),
);

let packed: string[];
let place: string;
beforeAll(() => {
  // with empty files in the places of the build, so that neither an old build nor none changes the answer
  place = mkdtempSync(join(tmpdir(), 'package-'));
  const kept = /^(bin|docs|test|examples|scripts)\/|^[^/]+$/;
  for (const path of projectFiles().filter((path) => kept.test(path))) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    cpSync(join(root, path), join(place, path));
  }
  for (const path of sources.keys()) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), '');
  }
  const answer = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'], {
    cwd: place,
    env: { ...process.env, npm_config_cache: join(place, '.npm') },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  packed = JSON.parse(answer)[0].files.map((file: { path: string }) => file.path);
}, 60_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

test('the package has the command, the worker, every workflow and activity, and the pages', () => {
  const needed = projectFiles().filter((path) =>
    /^(bin|docs)\/|^(README\.md|LICENSE|CHANGELOG\.md)$/.test(path),
  );
  const program = [...sources.keys()].filter((path) =>
    /^dist\/(worker|activities|workflows|src\/cli)\b/.test(path),
  );
  expect(program).toContain('dist/workflows/index.js');
  expect([...needed, ...program].filter((path) => !packed.includes(path))).toEqual([]);
});

test('what is for the clone alone is not in it', () => {
  expect(
    packed.filter((path) =>
      /^(test|examples|scripts|bench|dist\/(examples|bench|src\/servers))\//.test(path),
    ),
  ).toEqual([]);
});

test('all that its files import is in it, or comes with it', () => {
  const { dependencies } = JSON.parse(textOf('package.json'));
  const missing: string[] = [];
  for (const path of packed) {
    const source = sources.get(path);
    if (source === undefined) continue;
    const imports = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\s+from\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
    for (const [, named, loaded] of textOf(source).matchAll(imports)) {
      const to = (named ?? loaded) as string;
      const [scope = '', name] = to.split('/');
      const from = to.startsWith('@') ? `${scope}/${name}` : scope;
      const isThere = to.startsWith('.')
        ? packed.includes(normalize(join(dirname(path), to)))
        : to.startsWith('node:') || builtinModules.includes(to) || from in dependencies;
      if (!isThere) missing.push(`${path}: ${to}`);
    }
  }
  expect(missing).toEqual([]);
});
