import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, textOf } from './tracked.js';

const place = mkdtempSync(join(tmpdir(), 'command-'));
beforeAll(() => {
  cpSync(join(root, 'bin'), join(place, 'bin'), { recursive: true });
  // without the dependencies: nothing here needs them, and npx would look for them
  const { name, version, bin } = JSON.parse(textOf('package.json'));
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version, bin }));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

const rekey = () => spawnSync(join(place, 'bin', 'rekey.js'), ['--version'], { encoding: 'utf8' });

test('rekey says what to do where it is not built', () => {
  const { status, stderr } = rekey();
  expect(status).toBe(2);
  expect(stderr).toContain('npm run build');
});

test('npx rekey in a clone runs the program of that clone', () => {
  const { status, stderr } = spawnSync('npx', ['rekey', 'inspect'], {
    cwd: place,
    // npx keeps a link to the clone in npm's cache: here in one that goes with the clone
    env: { ...process.env, npm_config_cache: join(place, 'npm') },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  expect(stderr).toContain('rekey is not built');
  expect(status).toBe(2);
});

test('rekey hands over to the built program', () => {
  mkdirSync(join(place, 'dist', 'src', 'cli'), { recursive: true });
  writeFileSync(join(place, 'dist', 'src', 'cli', 'main.js'), 'console.log("built:", process.argv[2])');
  expect(rekey().stdout).toBe('built: --version\n');
});
