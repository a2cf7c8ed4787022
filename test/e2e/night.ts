import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Status } from '../../src/decisions/status.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { builtProgram } from '../cli/run.js';
import { closeLater } from '../close-later.js';
import { freshDatabase, type SharedTemporal, type TestDatabase, temporalForTests } from '../servers.js';
import { bundle } from '../workflows/harness.js';
import { type Page, unseen } from './incident-pages.js';

const root = join(__dirname, '../..');
const connection = 'REKEY_CONNECTION_TESTAPP';

export interface Typed {
  code: number;
  text: string;
}

class Stuck extends Error {}

/**
 * A Saturday night: a PostgreSQL server that may go down, the real Temporal, a worker in a process of its own, and a
 * shell in which `npx rekey`, `temporal` and `psql` are what they are for an operator. Names are those of the pages.
 */
export class Night {
  private readonly workers: ChildProcess[] = [];
  /** of the shell and of workers that start from now on */
  readonly variables: Record<string, string> = {};

  private constructor(
    readonly server: PostgresServer,
    readonly database: TestDatabase,
    readonly temporal: SharedTemporal,
    readonly client: Client,
    readonly folder: string,
  ) {}

  static async falls(schema: string, plan: string, hooks: string): Promise<Night> {
    const [server, temporal, { code }] = await Promise.all([
      startPostgres({ own: true }),
      temporalForTests({ ownNamespace: true }),
      bundle(),
    ]);
    const database = await freshDatabase({ ...server, binDir: server.binDir });
    await database.query(schema);
    const folder = mkdtempSync(join(tmpdir(), 'rekey-night-'));
    const client = new Client({
      connection: await Connection.connect({ address: temporal.address }),
      namespace: temporal.namespace,
    });
    const night = new Night(server, database, temporal, client, folder);
    writeFileSync(join(folder, 'bundle.js'), code);
    writeFileSync(join(folder, 'testapp.yaml'), plan);
    writeFileSync(join(folder, 'hooks.yaml'), hooks.replaceAll('FOLDER', folder));
    night.programs();
    Object.assign(night.variables, {
      PATH: `${join(folder, 'bin')}:${dirname(temporal.cliPath)}:${process.env.PATH ?? ''}`,
      HOME: process.env.HOME ?? '',
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      REKEY_PLANS: folder,
      REKEY_BACKUPS: join(folder, 'backups'),
      REKEY_HOOKS: join(folder, 'hooks.yaml'),
      REKEY_PATIENCE_SECONDS: '2',
      REKEY_TEST_BUNDLE: join(folder, 'bundle.js'),
      [connection]: database.ownerUrl,
    });
    return night;
  }

  /** `npx` finds rekey as it does in a clone; its worker has its workflows bundled already. `psql URL -c SQL` is all that the pages use. */
  private programs(): void {
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    const program = (name: string, text: string) => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    };
    const worker = `cd ${root} && exec ${process.execPath} -r ${root}/test/setup/register.js ${root}/test/e2e/worker.ts`;
    program(
      'npx',
      `[ "$1" = rekey ] || exit 2; shift\n[ "$1" = worker ] && { ${worker}; }\nexec ${process.execPath} ${builtProgram()}/bin/rekey.js "$@"`,
    );
    program('psql', `[ "$2" = -c ] || exit 2\nexec ${process.execPath} ${this.folder}/psql.js "$1" "$3"`);
    writeFileSync(
      join(this.folder, 'psql.js'),
      `const { Client } = require('${root}/node_modules/pg');
const client = new Client({ connectionString: process.argv[2] });
client.connect().then(() => client.query(process.argv[3])).then(
  (result) => { console.log(JSON.stringify(result.rows ?? [])); return client.end(); },
).catch((error) => { console.error(error.message); process.exit(1); });`,
    );
  }

  /** A command into a shell, as it stands on a page. `npx rekey worker` goes on in the background. */
  async type(command: string, more: Record<string, string> = {}): Promise<Typed> {
    if (/^npx rekey worker\b/.test(command)) return this.startWorker(command);
    const env = { ...this.variables, ...more };
    return new Promise((resolve) => {
      execFile('sh', ['-c', command], { env, maxBuffer: 100_000_000 }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, text: stdout + stderr });
      });
    });
  }

  private async startWorker(command: string): Promise<Typed> {
    const path = join(this.folder, 'worker.log');
    const output = openSync(path, 'a');
    const before = this.workerLog().length;
    const child = spawn('sh', ['-c', `exec ${command}`], {
      env: this.variables,
      stdio: ['ignore', output, output],
    });
    this.workers.push(child);
    await this.until('the worker polls', () =>
      this.workerLog().slice(before).includes('polling the task queue'),
    );
    return { code: 0, text: this.workerLog().slice(before) };
  }

  workerLog(): string {
    try {
      return readFileSync(join(this.folder, 'worker.log'), 'utf8');
    } catch {
      return '';
    }
  }

  /** SIGTERM to all workers, as an operator stops them. */
  async stopWorkers(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    for (const worker of this.workers.splice(0)) {
      if (worker.exitCode !== null || worker.signalCode !== null) continue;
      const gone = new Promise((resolve) => worker.once('exit', resolve));
      worker.kill(signal);
      await gone;
    }
  }

  async restartWorker(): Promise<void> {
    await this.stopWorkers();
    await this.type('npx rekey worker');
  }

  handle(id: string): WorkflowHandle {
    return this.client.workflow.getHandle(id);
  }

  status(id: string): Promise<Status> {
    return this.handle(id).query<Status>('status');
  }

  async until<T>(what: string, ask: () => Promise<T> | T, seconds = 40): Promise<T> {
    const end = Date.now() + seconds * 1000;
    let last: unknown = null;
    for (;;) {
      const found = await Promise.resolve()
        .then(ask)
        .catch((error: unknown) => {
          if (error instanceof Stuck) throw error;
          last = error;
          return null;
        });
      if (found) return found;
      if (Date.now() > end)
        throw new Error(`it never came to be so: ${what}\n${last ?? ''}\n${this.workerLog().slice(-3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Until the phase is in this state, at this step or checkpoint. */
  async at(id: string, state: Status['state'], where: string | null = null): Promise<Status> {
    let last: Status | null = null;
    let since = '';
    let began = Date.now();
    const found = await this.until(`${id} ${state} ${where ?? ''}`, async () => {
      // an earlier run of this id answers, too: asked first, so that none that begins in between lends it its word
      if ((await this.handle(id).describe()).status.name !== 'RUNNING') return null;
      const now = await this.status(id);
      last = now;
      // parked where nobody expected it: it would stay so
      const parking = now.state === 'parked' ? now.next.join() : '';
      if (parking !== since) began = Date.now();
      since = parking;
      if (
        parking !== '' &&
        (state !== 'parked' || now.failure?.step !== where) &&
        Date.now() - began > 10_000
      )
        throw new Stuck('it has parked');
      const here = state === 'waiting-for-approval' ? now.checkpoint?.name : (now.failure?.step ?? now.step);
      return now.state === state && (where === null || here === where) ? now : null;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify(last, null, 1)}`);
    });
    return found as Status;
  }

  /** Approves as `status` prints it. */
  async approve(id: string, checkpoint: string): Promise<void> {
    const { next } = await this.at(id, 'waiting-for-approval', checkpoint);
    await this.typed(next[0] as string);
  }

  async typed(command: string): Promise<string> {
    const { code, text } = await this.type(command);
    if (code !== 0) throw new Error(`ended with ${code}: ${command}\n${text}`);
    return text;
  }

  /** Compares what a page says that one sees with what `look` prints, until it is so. */
  async sees(
    page: Page,
    look = 'npx rekey status testapp',
    block = 0,
    more: Record<string, string> = {},
  ): Promise<string> {
    let missing: string[] = [];
    let shown = '';
    await this.until(
      `what ${page.title} says`,
      async () => {
        shown = (await this.type(look, more)).text;
        missing = unseen(page, shown, block);
        return missing.length === 0;
      },
      20,
    ).catch(() => {
      throw new Error(`"${page.title}" says that one sees\n${missing.join('\n')}\nbut there is\n${shown}`);
    });
    if (process.env.REKEY_SHOW_NIGHT) process.stderr.write(`\n=== ${page.title}\n${shown}\n`);
    return shown;
  }

  /**
   * Types a page's commands as they stand there, those that `from` and `to` name. The numbers of the examples become
   * those of now: opening and hash of what waits, and what `replace` says.
   */
  async follows(
    commands: string[],
    replace: [string, string][] = [],
    id = 'testapp/users',
  ): Promise<Typed[]> {
    const typed: Typed[] = [];
    for (const command of commands) {
      const filled = await this.filled(command, replace, id);
      const done = await this.type(filled);
      // those that look say by their exit code that something was found
      const looks = /^npx rekey (findings|doctor|status|plan check)/.test(command);
      if (done.code !== 0 && !(looks && done.code === 1))
        throw new Error(`ended with ${done.code}: ${filled}\n${done.text}`);
      if (process.env.REKEY_SHOW_NIGHT) process.stderr.write(`\n$ ${filled}\n${done.text}\n`);
      typed.push(done);
    }
    return typed;
  }

  private async filled(command: string, replace: [string, string][], id: string): Promise<string> {
    let text = command;
    for (const [from, to] of replace) text = text.replaceAll(from, to);
    if (!/"opening":\d+/.test(text)) return text;
    const { next } = await this.status(id);
    const signal = /--name (\w+)/.exec(text)?.[1];
    const action = /"action":"(\w+)"/.exec(text)?.[1];
    const printed =
      next.find((one) => one.includes(action ? `"action":"${action}"` : `--name ${signal}`)) ?? next[0] ?? '';
    const now = (pattern: RegExp) => pattern.exec(printed)?.[0] ?? '';
    text = text
      .replace(/"opening":\d+/, now(/"opening":\d+/))
      .replace(/"plan":"[0-9a-f]{12}"/, now(/"plan":"[0-9a-f]{12}"/));
    return text;
  }

  async dawn(): Promise<void> {
    await this.stopWorkers('SIGKILL');
    closeLater(this.client.connection);
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
