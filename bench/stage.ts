import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { ownEnvironment } from '../src/servers/own-environment.js';
import { type PostgresServer, startPostgres } from '../src/servers/postgres.js';
import { startTemporal } from '../src/servers/temporal.js';
import { benchDirectory, type Urls } from './database.js';

export interface Stage {
  postgres: PostgresServer;
  password: string;
  temporal: Client;
  /** where the plan lies */
  plans: string;
  /** a worker as a process of its own, for one database */
  startWorker(connection: string, urls: Urls): Promise<{ log: string; end: () => Promise<void> }>;
  strike(): Promise<void>;
}

export async function setStage(
  root: string,
  version: number,
  settings: Record<string, string>,
  plan: (text: string) => string,
): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-bench-'));
  const undo: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const strike = async () => {
    for (const step of undo.splice(0).reverse()) await Promise.resolve(step()).catch(() => undefined);
  };
  try {
    const postgres = await startPostgres({ version, own: true, settings });
    undo.push(() => postgres.stop());
    const temporal = await startTemporal({ own: true });
    undo.push(() => temporal.stop());
    const connection = await Connection.connect({ address: temporal.address });
    undo.push(() => connection.close());
    mkdirSync(join(folder, 'plans'));

    writeFileSync(
      join(folder, 'plans', 'plan.yaml'),
      plan(readFileSync(join(benchDirectory(), 'plan.yaml'), 'utf8')),
    );
    const startWorker: Stage['startWorker'] = async (name, urls) => {
      const log = join(folder, `worker-${name}.log`);
      const output = openSync(log, 'a');
      const child = spawn(process.execPath, [join(root, 'bin/rekey.js'), 'worker'], {
        cwd: root,
        env: ownEnvironment(process.env, {
          TEMPORAL_ADDRESS: temporal.address,
          REKEY_PLANS: join(folder, 'plans'),
          REKEY_BACKUPS: join(folder, 'backups'),
          [`REKEY_CONNECTION_${name.toUpperCase()}`]: urls.owner,
        }),
        stdio: ['ignore', output, output],
      });
      const end = () => endProcess(child);
      undo.push(end);
      return { log, end };
    };
    return {
      postgres,
      password: randomBytes(12).toString('hex'),
      temporal: new Client({ connection, namespace: temporal.namespace }),
      plans: join(folder, 'plans'),
      startWorker,
      strike,
    };
  } catch (error) {
    await strike();
    throw error;
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
