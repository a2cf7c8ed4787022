import { join } from 'node:path';
import { runCommand } from './command.js';

/**
 * Installs a package from PyPI into a directory of its own. Debian's Python refuses to install beside its own packages
 * but allows `--target`; where pip itself is missing, a virtual environment may bring it.
 */
export async function pipInstall(name: string, directory: string): Promise<void> {
  const quietly = ['--quiet', '--disable-pip-version-check', '--no-input'];
  const straight = ['-m', 'pip', 'install', ...quietly, '--target', directory, name];
  if ((await runCommand('python3', straight, { timeout: 300_000 })).code === 0) return;
  const environment = join(directory, 'venv');
  if ((await runCommand('python3', ['-m', 'venv', environment], { timeout: 120_000 })).code !== 0) {
    throw new Error('python3 has neither pip nor venv');
  }
  const pip = join(environment, 'bin', 'pip');
  const { code } = await runCommand(pip, ['install', ...quietly, name], { timeout: 300_000 });
  if (code !== 0) throw new Error(`pip could not install ${name}`);
}
