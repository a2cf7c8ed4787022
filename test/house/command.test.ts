import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './tracked.js';

const place = mkdtempSync(join(tmpdir(), 'command-'));
beforeAll(() => cpSync(join(root, 'bin'), join(place, 'bin'), { recursive: true }));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const rekey = () => spawnSync(join(place, 'bin', 'rekey.js'), ['--version'], { encoding: 'utf8' });

test('rekey says what to do where it is not built', () => {
  const { status, stderr } = rekey();
  expect(status).toBe(70);
  expect(stderr).toContain('npm run build');
});

test('rekey hands over to the built program', () => {
  mkdirSync(join(place, 'dist', 'src', 'cli'), { recursive: true });
  writeFileSync(join(place, 'dist', 'src', 'cli', 'main.js'), 'console.log("built:", process.argv[2])');
  expect(rekey().stdout).toBe('built: --version\n');
});
