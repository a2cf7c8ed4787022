import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { Client as Postgres } from 'pg';
import type { PgTools } from '../src/backup/find-tools.js';
import { ownEnvironment } from '../src/servers/own-environment.js';
import { type PostgresServer, startPostgres } from '../src/servers/postgres.js';
import { fetchPostgresTools } from '../src/servers/postgres-tools.js';
import { startTemporal, type TemporalServer } from '../src/servers/temporal.js';
import { workflowFiles } from '../worker.js';
import { Cable } from './cable.js';

export interface StageOptions {
  /** the clone */
  root: string;
  /** the bundled workflows, where somebody has made them already */
  bundle?: string;
  /** major version of PostgreSQL, 18 unless said */
  version?: number;
}

/**
 * Servers to be killed, with a cable to each that can be pulled: workers go through the cables, the operator and the
 * checks go straight. One stage serves many rounds, each with a database and workers of its own.
 */
export class Stage {
  /** those that are to be running now */
  readonly workers = new Set<ChildProcess>();
  /** those that ended by themselves and come back in a moment */
  private readonly returning = new Set<NodeJS.Timeout>();
  /** what the workers of this round are given beside what all have */
  variables: Record<string, string> = {};

  private constructor(
    readonly root: string,
    readonly folder: string,
    readonly postgres: PostgresServer,
    readonly temporal: TemporalServer,
    readonly toPostgres: Cable,
    readonly toTemporal: Cable,
    readonly tools: PgTools,
    private connection: Connection,
  ) {}

  static async set({ root, bundle, version = 18 }: StageOptions): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'rekey-chaos-'));
    mkdirSync(join(folder, 'plans'));
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const tools = await fetchPostgresTools(version);
      if (!tools) throw new Error('there is no pg_dump to compare schemas with');
      const postgres = await startPostgres({ version, own: true, settings: { log_min_messages: 'error' } });
      undo.push(() => postgres.stop());
      const temporal = await startTemporal({ own: true });
      undo.push(() => temporal.stop());
      const code = bundle ?? (await bundled());
      writeFileSync(join(folder, 'bundle.js'), code);
      const [host = '', port = ''] = temporal.address.split(':');
      const toTemporal = await Cable.to(host, Number(port));
      const toPostgres = await Cable.to(postgres.host, postgres.port);
      const connection = await Connection.connect({ address: temporal.address });
      return new Stage(root, folder, postgres, temporal, toPostgres, toTemporal, tools, connection);
    } catch (error) {
      for (const step of undo.reverse()) await step().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get client(): Client {
    return new Client({ connection: this.connection, namespace: this.temporal.namespace });
  }

  get workerLog(): string {
    const path = join(this.folder, 'worker.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /**
   * A worker as a process of its own, by way of the cables; its clock is wrong by that many ms. One that ends by itself,
   * as it does where Temporal can't be reached when it starts, is started again as by any supervisor.
   */
  startWorker(clockWrongBy = 0): ChildProcess {
    const output = openSync(join(this.folder, 'worker.log'), 'a');
    const compiled = existsSync(join(__dirname, 'worker.js'));
    const args = [
      ...(clockWrongBy ? ['-r', join(this.root, 'chaos/wrong-clock.js')] : []),
      ...(compiled
        ? [join(__dirname, 'worker.js')]
        : ['-r', join(this.root, 'test/setup/register.js'), join(__dirname, 'worker.ts')]),
    ];
    const child = spawn(process.execPath, args, {
      cwd: this.root,
      env: ownEnvironment(process.env, {
        TEMPORAL_ADDRESS: `127.0.0.1:${this.toTemporal.port}`,
        TEMPORAL_NAMESPACE: this.temporal.namespace,
        REKEY_PLANS: join(this.folder, 'plans'),
        REKEY_BACKUPS: join(this.folder, 'backups'),
        REKEY_CHAOS_BUNDLE: join(this.folder, 'bundle.js'),
        REKEY_PG_BIN: this.tools.bin,
        REKEY_CLOCK_WRONG_BY: String(clockWrongBy),
        ...this.variables,
      }),
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.workers.add(child);
    child.once('exit', () => {
      this.workers.delete(child);
      if (sentAway.has(child)) return;
      const again = setTimeout(() => {
        this.returning.delete(again);
        this.startWorker(clockWrongBy);
      }, 1_000);
      this.returning.add(again);
    });
    return child;
  }

  async endWorkers(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    for (const again of this.returning) clearTimeout(again);
    this.returning.clear();
    await Promise.all([...this.workers].map((worker) => endWorker(worker, signal)));
  }

  /** A command as it is printed, in a shell that knows where Temporal is; killed after so many ms where that is given. */
  async type(
    command: string,
    more: Record<string, string> = {},
    killAfterMs: number | null = null,
  ): Promise<{ code: number; output: string }> {
    const env = {
      ...process.env,
      TEMPORAL_ADDRESS: this.temporal.address,
      PATH: `${dirname(this.temporal.cliPath)}:${process.env.PATH ?? ''}`,
      ...more,
    };
    return new Promise((resolve) => {
      execFile(
        'sh',
        ['-c', `exec ${command}`],
        {
          env,
          cwd: this.root,
          maxBuffer: 100_000_000,
          timeout: killAfterMs ?? 0,
          killSignal: 'SIGKILL',
        },
        (error, stdout, stderr) => {
          resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
        },
      );
    });
  }

  async withDatabase<T>(database: string, work: (client: Postgres) => Promise<T>): Promise<T> {
    const url = new URL(this.postgres.superuserUrl);
    url.pathname = `/${database}`;
    const client = new Postgres({ connectionString: url.href, connectionTimeoutMillis: 10_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async strike(): Promise<void> {
    await this.endWorkers();
    // a call that nobody waits for any more may be about to be tried again, which a closed channel throws at the whole
    // process: all servers run again by now, so that it is answered soon
    await sleep(6_000);
    await this.toPostgres.close();
    await this.toTemporal.close();
    await this.temporal.stop();
    await this.postgres.stop();
    rmSync(this.folder, { recursive: true, force: true });
    // last: a round that was interrupted goes on asking until the process ends
    await this.connection.close().catch(() => undefined);
  }
}

/** Workers that somebody ended: they do not come back. */
const sentAway = new WeakSet<ChildProcess>();

export async function endWorker(worker: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  sentAway.add(worker);
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill(signal);
  // one that was frozen can't follow a polite signal
  if (signal === 'SIGTERM') worker.kill('SIGCONT');
  await gone;
}

async function bundled(): Promise<string> {
  const [workflowsPath, payloadConverterPath] = workflowFiles();
  const logger = new DefaultLogger('WARN');
  return (await bundleWorkflowCode({ workflowsPath, payloadConverterPath, logger })).code;
}
