// From a clean clone: installs what is missing, builds, and hands over to a built program with this command's arguments.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(...args) {
  const { status } = spawnSync(npm, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

export function runBuilt(program) {
  if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) {
    console.log('installing dependencies (once)');
    run('ci', '--no-audit', '--no-fund');
  }
  run('run', '--silent', 'build');
  const child = spawn(process.execPath, [join(root, 'dist', program), ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
  // Ctrl-C reaches the whole group: the program ends what it started, and this waits for it
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
