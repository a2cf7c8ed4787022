import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { onPath } from '../../src/servers/command.js';
import { ownEnvironment } from '../../src/servers/own-environment.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import { startTemporal, type TemporalServer } from '../../src/servers/temporal.js';
import { createTestapp, type Testapp, urlFor } from '../testapp/database.js';
import { type HookServer, startHookServer } from '../testapp/hooks/server.js';

/** All that the demonstration stands on: servers, the reference database, hooks, and a worker as a process of its own. */
export interface Stage {
  postgres: PostgresServer;
  temporal: TemporalServer;
  testapp: Testapp;
  hooks: HookServer;
  /** what an operator's shell has to have set */
  shell: Record<string, string>;
  /** the program of that name, as it can be typed; null where there is none */
  psql: string | null;
  /** where `temporal` lies, if PATH does not know it */
  cliDirectory: string | null;
  workerLog: string;
}

export interface StageOptions {
  rows: number;
  seed: number;
  /** major version */
  version: number;
  /** the clone: where plan and hooks lie */
  root: string;
  say: (text: string) => void;
  /** called at once, with what ends all that has been started by then: for whoever gives up before the stage stands */
  begun: (strike: () => Promise<void>) => void;
}

export async function setStage({ rows, seed, version, root, say, begun }: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-demo-'));
  const undo: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  let given = false;
  const strike = async () => {
    given = true;
    for (const step of undo.splice(0).reverse()) await Promise.resolve(step()).catch(() => undefined);
  };
  begun(strike);
  try {
    const postgres = await startPostgres({ version });
    undo.push(() => postgres.stop());
    say(`PostgreSQL ${postgres.version} on ${postgres.host}:${postgres.port}`);
    const temporal = await startTemporal({ ui: true, own: true });
    undo.push(() => temporal.stop());
    say(`Temporal on ${temporal.address}${temporal.uiUrl ? `, Web UI ${temporal.uiUrl}` : ''}`);
    const tools = await fetchPostgresTools(version).catch(() => null);
    const hooks = await startHookServer();
    undo.push(() => hooks.close());

    const began = Date.now();
    const testapp = await createTestapp(postgres.superuserUrl, 'testapp', {
      rows,
      seed,
      password: randomBytes(12).toString('hex'),
    });
    say(
      `database testapp: ${rows.toLocaleString('en')} rows asked for, made in ${((Date.now() - began) / 1000).toFixed(1)} s`,
    );

    const shell: Record<string, string> = {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      PATH: `${dirname(temporal.cliPath)}:${process.env.PATH ?? ''}`,
      REKEY_CONNECTION_TESTAPP: testapp.owner,
      REKEY_PLANS: join(root, 'examples/testapp'),
    };
    if (given) throw new Error('given up');
    const workerLog = join(folder, 'worker.log');
    const worker = startWorker(root, workerLog, {
      ...shell,
      REKEY_BACKUPS: join(folder, 'backups'),
      REKEY_HOOKS: join(root, 'examples/testapp/hooks.yaml'),
      REKEY_CONNECTION_TESTAPP_SCRATCH: urlFor(postgres.superuserUrl, { database: 'postgres' }),
      TESTAPP_URL: hooks.url,
      ...(tools ? { REKEY_PG_BIN: tools.bin } : {}),
    });
    undo.push(() => endProcess(worker));
    say('a worker starts: it bundles the workflows first, which takes some seconds');
    await polls(worker, workerLog);
    const found = onPath('temporal').includes(temporal.cliPath);
    const cliDirectory = found ? null : dirname(temporal.cliPath);
    const [installed] = onPath('psql');
    const fetched = tools ? join(tools.bin, 'psql') : null;
    const psql = installed ? 'psql' : fetched && existsSync(fetched) ? fetched : null;
    return { postgres, temporal, testapp, hooks, shell, psql, cliDirectory, workerLog };
  } catch (error) {
    await strike();
    throw error;
  }
}

function startWorker(root: string, log: string, variables: Record<string, string>): ChildProcess {
  const output = openSync(log, 'a');
  return spawn(process.execPath, [join(root, 'bin/rekey.js'), 'worker'], {
    cwd: resolve(root),
    env: ownEnvironment(process.env, variables),
    stdio: ['ignore', output, output],
  });
}

/** Waits until it has said that it polls; a worker that ends before that has said why in its log. */
async function polls(worker: ChildProcess, log: string): Promise<void> {
  while (!readFileSync(log, 'utf8').includes('rekey: polling')) {
    if (worker.exitCode !== null || worker.signalCode !== null)
      throw new Error(
        `the worker ended: ${readFileSync(log, 'utf8').trim().split('\n').slice(-4).join(' | ')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once('exit', () => done());
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 8_000).unref();
  });
}
