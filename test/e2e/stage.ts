import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { Client as Postgres } from 'pg';
import { createTestapp, type Testapp, testappDirectory, urlFor } from '../../examples/testapp/database.js';
import { type HookServer, startHookServer } from '../../examples/testapp/hooks/server.js';
import type { MigrationStatus, Status } from '../../src/decisions/status.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import { closeLater } from '../close-later.js';
import { sharedPostgres, temporalForTests } from '../servers.js';
import { bundle } from '../workflows/harness.js';

const root = join(__dirname, '../..');

export interface StageOptions {
  /** major version of PostgreSQL */
  version?: number;
  rows?: number;
  /** changes the text of the reference plan */
  plan?: (text: string) => string;
  /** a Temporal server of the test's own, for one that it restarts */
  temporal?: { address: string; namespace: string; cliPath: string };
}

export interface Typed {
  code: number;
  stdout: string;
  stderr: string;
}

/** Tests that build on each other: once one has failed, those that come after it fail at once instead of waiting. */
export function chapters(): (name: string, chapter: () => Promise<void>, ms?: number) => void {
  let failed = '';
  return (name, chapter, ms = 300_000) =>
    test(
      name,
      async () => {
        if (failed) throw new Error(`an earlier chapter failed: ${failed}`);
        failed = name;
        await chapter();
        failed = '';
      },
      ms,
    );
}

/** What an operator has before him: the reference database, Temporal, a shell with `temporal` in it, and workers. */
export class Stage {
  private readonly workers: ChildProcess[] = [];

  private constructor(
    readonly version: number,
    readonly testapp: Testapp,
    readonly temporal: { address: string; namespace: string; cliPath: string },
    readonly hooks: HookServer,
    readonly client: Client,
    private readonly folder: string,
    readonly variables: Record<string, string>,
  ) {}

  static async set(options: StageOptions = {}): Promise<Stage> {
    const { version = 18, rows = 2500, plan = (text) => text } = options;
    const [server, temporal, tools, { code }] = await Promise.all([
      sharedPostgres(version),
      options.temporal ?? temporalForTests({ ownNamespace: true }),
      fetchPostgresTools(version),
      bundle(),
    ]);
    const folder = mkdtempSync(join(tmpdir(), 'rekey-e2e-'));
    const name = `testapp_e2e_${randomBytes(4).toString('hex')}`;
    const testapp = await createTestapp(server.superuserUrl, name, {
      rows,
      seed: 7,
      password: 'for-tests-only',
    });
    const hooks = await startHookServer();
    writeFileSync(join(folder, 'bundle.js'), code);
    writeFileSync(
      join(folder, 'plan.yaml'),
      plan(readFileSync(join(testappDirectory(), 'plan.yaml'), 'utf8')),
    );
    copyFileSync(join(testappDirectory(), 'hooks.yaml'), join(folder, 'hooks.yaml'));
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection, namespace: temporal.namespace });
    return new Stage(version, testapp, temporal, hooks, client, folder, {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      PATH: `${dirname(temporal.cliPath)}:${process.env.PATH ?? ''}`,
      REKEY_PLANS: folder,
      REKEY_BACKUPS: join(folder, 'backups'),
      REKEY_HOOKS: join(folder, 'hooks.yaml'),
      REKEY_CONNECTION_TESTAPP: testapp.owner,
      REKEY_CONNECTION_TESTAPP_SCRATCH: urlFor(server.superuserUrl, { database: 'postgres' }),
      REKEY_TEST_BUNDLE: join(folder, 'bundle.js'),
      TESTAPP_URL: hooks.url,
      ...(tools ? { REKEY_PG_BIN: tools.bin } : {}),
    });
  }

  /** A worker in a process of its own. */
  worker(): ChildProcess {
    const output = openSync(join(this.folder, 'worker.log'), 'a');
    const args = ['-r', join(root, 'test/setup/register.js'), join(root, 'test/e2e/worker.ts')];
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...this.variables },
      stdio: ['ignore', output, output],
    });
    this.workers.push(child);
    return child;
  }

  get backups(): string {
    return join(this.folder, 'backups');
  }

  workerLog(): string {
    return readFileSync(join(this.folder, 'worker.log'), 'utf8');
  }

  /**
   * A command into a shell, as it was printed: the address is set, the namespace is not, so that a printed command that
   * misses it fails.
   */
  async type(command: string): Promise<Typed> {
    const { TEMPORAL_ADDRESS = '', PATH = '' } = this.variables;
    const env = { ...process.env, TEMPORAL_ADDRESS, PATH };
    return new Promise((resolve) => {
      execFile('sh', ['-c', command], { env, maxBuffer: 100_000_000 }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      });
    });
  }

  /** The same, and it must succeed; again where Temporal's server was too slow to take it down, as docs/incidents.md says. */
  async typed(command: string): Promise<string> {
    let { code, stdout, stderr } = await this.type(command);
    for (let again = 0; again < 5 && /Workflow is busy/.test(stderr); again += 1)
      ({ code, stdout, stderr } = await this.type(command));
    if (code !== 0) throw new Error(`ended with ${code}: ${command}\n${stdout}${stderr}`);
    return stdout;
  }

  /** `temporal workflow <what> --workflow-id <id> <more>` in this test's namespace. */
  workflow(what: string, id: string, more = ''): Promise<string> {
    return this.typed(this.command(what, id, more));
  }

  command(what: string, id: string, more = ''): string {
    return `temporal workflow ${what} --namespace ${this.temporal.namespace} --workflow-id ${id} ${more}`;
  }

  start(type: string, id: string, more: object = {}): Promise<string> {
    const input = JSON.stringify({ plan: 'plan', connection: 'testapp', ...more });
    return this.workflow(
      'start',
      id,
      `--type ${type} --task-queue rekey --fail-existing --input '${input}' --output json`,
    );
  }

  handle(id: string): WorkflowHandle {
    return this.client.workflow.getHandle(id);
  }

  status(id: string): Promise<MigrationStatus> {
    return this.handle(id).query<MigrationStatus>('status');
  }

  /** Asks `status` until it is so. A phase that parks or ends before that is an error that says why. */
  async until(id: string, so: (status: Status) => boolean, seconds = 180): Promise<Status> {
    const began = Date.now();
    const deadline = began + seconds * 1000;
    let last: Status | null = null;
    let why: unknown = null;
    let answered = began;
    let found = false;
    for (;;) {
      const status: Status | null = await (found ? this.status(id) : this.statusSince(id, began)).catch(
        (error: unknown) => {
          why = error;
          return null;
        },
      );
      found ||= status !== null;
      if (status && so(status)) return status;
      if (status) answered = Date.now();
      const silent = Date.now() - answered > 60_000;
      const over = status && ['parked', 'done', 'rolled-back'].includes(status.state);
      last = status ?? last;
      if (over || silent || Date.now() > deadline) {
        throw new Error(
          `${id} did not get there: ${JSON.stringify(last, null, 1)}\n${why ?? ''}\n${this.workerLog().slice(-4000)}`,
        );
      }
      // what is waited for stays until somebody answers it, and each question is a workflow task
      await new Promise((done) => setTimeout(done, 300));
    }
  }

  /** Of a run that was not over by then: an earlier one of the same id would answer, too. */
  private async statusSince(id: string, since: number): Promise<Status | null> {
    const { closeTime } = await this.handle(id).describe();
    return closeTime && closeTime.getTime() < since ? null : this.status(id);
  }

  waiting(id: string, checkpoint: string): Promise<Status> {
    return this.until(
      id,
      ({ state, checkpoint: at }) => state === 'waiting-for-approval' && at?.name === checkpoint,
    );
  }

  /** Waits at the checkpoint and pastes what `status` prints, once for each approval that it needs. */
  async approve(id: string, checkpoint: string): Promise<void> {
    let { checkpoint: at, next } = await this.waiting(id, checkpoint);
    const { opening = 0, needed = 1 } = at ?? {};
    for (let given = at?.approvals.length ?? 0; given < needed; given++) {
      await this.typed(commandOf(next, 'approve'));
      const missing = ({ checkpoint: now }: Status) =>
        now?.opening !== opening || now.approvals.length > given;
      ({ checkpoint: at, next } = await this.until(id, missing));
    }
  }

  async reject(id: string, checkpoint: string): Promise<void> {
    const { next } = await this.waiting(id, checkpoint);
    await this.typed(commandOf(next, 'reject'));
  }

  result<T>(id: string): Promise<T> {
    return this.handle(id).result() as Promise<T>;
  }

  /** As the superuser, for what a test sets up and looks at. */
  async sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]> {
    return this.connected(async (client) => {
      const result = await client.query(text, values);
      return (Array.isArray(result) ? result.at(-1) : result).rows;
    });
  }

  async connected<T>(fn: (client: Postgres) => Promise<T>, url = this.testapp.superuser): Promise<T> {
    const client = new Postgres({ connectionString: url });
    await client.connect();
    try {
      return await fn(client);
    } finally {
      await client.end();
    }
  }

  async strike(): Promise<void> {
    for (const worker of this.workers) {
      if (worker.exitCode !== null || worker.signalCode !== null) continue;
      const gone = new Promise((resolve) => worker.once('exit', resolve));
      worker.kill('SIGKILL');
      await gone;
    }
    closeLater(this.client.connection);
    await this.hooks.close();
    const server = urlFor(this.testapp.superuser, { database: 'postgres' });
    await this.connected(
      (client) => client.query(`drop database if exists ${this.testapp.database} with (force)`),
      server,
    );
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The printed command that sends this signal, or does what the words say. */
export function commandOf(next: string[], what: string): string {
  const found = next.find((text) =>
    [`--name ${what} `, `workflow ${what} `, `"action":"${what}"`].some((sign) => text.includes(sign)),
  );
  if (!found) throw new Error(`none of these is ${what}:\n${next.join('\n')}`);
  return found;
}
