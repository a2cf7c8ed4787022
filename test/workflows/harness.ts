import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Context } from '@temporalio/activity';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Status } from '../../src/decisions/status.js';
import { closeLater } from '../close-later.js';
import { type SharedTemporal, temporalForTests } from '../servers.js';
import { type FakeWorld, planHash } from './fake-world.js';

const root = join(__dirname, '../..');
let bundled: Promise<{ code: string }> | null = null;

/** The workflows as a worker runs them. Bundling takes seconds, so a bundle is kept for as long as no source changes. */
export function bundle(): Promise<{ code: string }> {
  if (bundled === null) Runtime.install({ logger: new DefaultLogger('ERROR') });
  bundled ??= keptBundle();
  return bundled;
}

async function keptBundle(): Promise<{ code: string }> {
  const folder = join(root, 'node_modules/.cache/rekey');
  const path = join(folder, `workflows-${await hashOfSources()}.js`);
  try {
    return { code: await readFile(path, 'utf8') };
  } catch {
    const logger = new DefaultLogger('WARN');
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(root, 'workflows/index.ts'),
      payloadConverterPath: join(root, 'workflows/payload-converter.ts'),
      logger,
    });
    // two test files may do this at once: each writes its own file and puts it in place whole
    const own = `${path}.${process.pid}`;
    await mkdir(folder, { recursive: true });
    await writeFile(own, code);
    await rename(own, path);
    await forgetOld(folder);
    return { code };
  }
}

/** Bundles of sources that are no more; one that another run of the tests may still be about to read is left. */
async function forgetOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const old = join(folder, name);
    const { mtimeMs } = await stat(old).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 3_600_000) await rm(old, { force: true });
  }
}

/** Over all that a workflow may import; other sources may be among it, which costs a bundle too many, no more. */
async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  for (const folder of ['workflows', 'src/decisions', 'src/plan', 'src/substitution', 'activities']) {
    for (const file of (await readdir(join(root, folder))).sort()) {
      if (file.endsWith('.ts')) hash.update(file).update(await readFile(join(root, folder, file)));
    }
  }
  return hash
    .update(await readFile(join(root, 'src/errors.ts')))
    .digest('hex')
    .slice(0, 16);
}

type Activities = Record<string, (...input: unknown[]) => Promise<unknown>>;

/**
 * One Temporal and one worker for a file, and a world of its own for each test: a worker's thread loads Temporal's modules
 * and the workflows anew, which costs more than what most tests do with it.
 */
export class Harness {
  private count = 0;
  private shared: { taskQueue: string; names: string[]; worker: RunningWorker } | null = null;
  /** by what the ids of a test's workflows begin with */
  private readonly worlds = new Map<string, Activities>();

  private constructor(
    readonly server: SharedTemporal,
    readonly connection: Connection,
    readonly native: NativeConnection,
    readonly client: Client,
  ) {}

  static async start(given: SharedTemporal | null = null): Promise<Harness> {
    const server = given ?? (await temporalForTests());
    const connection = await Connection.connect({ address: server.address });
    await bundle();
    const native = await NativeConnection.connect({ address: server.address });
    const client = new Client({ connection, namespace: server.namespace, identity: 'test-client' });
    return new Harness(server, connection, native, client);
  }

  async stop(): Promise<void> {
    await this.shared?.worker.stop();
    closeLater(this.connection);
    await this.native.close();
  }

  queue(): string {
    this.count += 1;
    return `${this.server.taskQueue}-${this.count}`;
  }

  async worker(world: Pick<FakeWorld, 'activities'>, taskQueue: string): Promise<RunningWorker> {
    const worker = await Worker.create({
      connection: this.native,
      namespace: this.server.namespace,
      taskQueue,
      identity: 'test-worker',
      workflowBundle: await bundle(),
      activities: world.activities() as never,
      maxHeartbeatThrottleInterval: '300ms',
      defaultHeartbeatThrottleInterval: '300ms',
    });
    return new RunningWorker(worker);
  }

  /** The test plays with this world on the worker of the file; one that stops its worker makes its own. */
  async with<T>(world: FakeWorld, test: (on: Playground) => Promise<T>): Promise<T> {
    const name = this.queue();
    this.worlds.set(name, world.activities() as never);
    const play = new Playground(this, world, await this.sharedQueue(world), name);
    try {
      return await test(play);
    } finally {
      world.releaseAll();
      await play.terminateAll();
    }
  }

  private async sharedQueue(world: FakeWorld): Promise<string> {
    const names = Object.keys(world.activities());
    if (this.shared === null) {
      const taskQueue = this.queue();
      const activities = () => Object.fromEntries(names.map((name) => [name, this.calledInItsWorld(name)]));
      this.shared = {
        taskQueue,
        names,
        worker: await this.worker({ activities: activities as never }, taskQueue),
      };
    }
    const { taskQueue, names: known } = this.shared;
    if (names.some((name) => !known.includes(name))) throw new Error('this world needs a worker of its own');
    return taskQueue;
  }

  private calledInItsWorld(activity: string): Activities[string] {
    return async (...input) => {
      const { workflowId = '' } = Context.current().info.workflowExecution ?? {};
      const [, name = ''] = /^(.*?-\d+)-\d+(?:\/.*)?$/.exec(workflowId) ?? [];
      const called = this.worlds.get(name)?.[activity];
      if (!called) throw new Error(`no test has a world for ${activity} of ${workflowId}`);
      return called(...input);
    };
  }

  /** The real program, as an operator would type it. */
  async run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    const at = ['--address', this.server.address, '--namespace', this.server.namespace];
    return promisify(execFile)(this.server.cliPath, [...args, ...at], { maxBuffer: 100_000_000 });
  }

  /** As an operator does it: the text into a shell, where `temporal` is the real program. */
  async paste(command: string): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command], {
      env: {
        ...process.env,
        PATH: `${dirname(this.server.cliPath)}:${process.env.PATH}`,
        TEMPORAL_ADDRESS: this.server.address,
      },
    });
    return stdout + stderr;
  }

  async cli(...args: string[]): Promise<string> {
    const { stdout, stderr } = await this.run(...args);
    return stdout + stderr;
  }
}

export class RunningWorker {
  private readonly running: Promise<void>;

  constructor(readonly worker: Worker) {
    this.running = worker.run();
  }

  async stop(): Promise<void> {
    if (this.worker.getState() === 'RUNNING') this.worker.shutdown();
    await this.running;
  }
}

/** What a test does with the workflows of one task queue. */
export class Playground {
  private readonly started: string[] = [];

  constructor(
    readonly harness: Harness,
    readonly world: FakeWorld,
    readonly taskQueue: string,
    /** what the ids of its workflows begin with */
    private readonly name: string,
  ) {}

  get client(): Client {
    return this.harness.client;
  }

  async start(type: string, input: unknown, options: object = {}): Promise<WorkflowHandle> {
    const workflowId = `${this.name}-${this.started.length}`;
    this.started.push(workflowId);
    return this.client.workflow.start(type, {
      workflowId,
      taskQueue: this.taskQueue,
      args: [input],
      ...options,
    });
  }

  phase(phase = 'users', options: object = {}): Promise<WorkflowHandle> {
    return this.start('runPhase', { plan: 'testapp', connection: 'main', phase }, options);
  }

  migration(): Promise<WorkflowHandle> {
    return this.start('runMigration', { plan: 'testapp', connection: 'main' });
  }

  /** Everything that is still open on this queue, children included. */
  async terminateAll(): Promise<void> {
    for (const id of this.started) {
      const ids = [id, ...this.world.phases.map(({ phase }) => `${id}/${phase}`)];
      for (const one of ids)
        await this.client.workflow
          .getHandle(one)
          .terminate('the test is over')
          .catch(() => {});
    }
  }
}

export async function statusOf(handle: WorkflowHandle): Promise<Status> {
  return handle.query<Status>('status');
}

/** Asks until it is so; the error shows what was there instead. */
export async function until<T>(
  ask: () => Promise<T> | T,
  so: (value: T) => boolean,
  ms = 20_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (so(value)) return value;
    if (Date.now() > end) throw new Error(`it never came to be so: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function untilState(
  handle: WorkflowHandle,
  state: Status['state'],
  more: (status: Status) => boolean = () => true,
  ms?: number,
): Promise<Status> {
  return until(
    () => statusOf(handle),
    (status) => status.state === state && more(status),
    ms,
  );
}

/** Waits until this checkpoint is open. */
export async function gate(handle: WorkflowHandle, name: string, newerThan = 0): Promise<number> {
  const status = await untilState(
    handle,
    'waiting-for-approval',
    ({ checkpoint }) => checkpoint?.name === name && checkpoint.opening > newerThan,
  );
  return status.checkpoint?.opening ?? 0;
}

export async function approve(
  handle: WorkflowHandle,
  checkpoint: string,
  by = 'ann',
  newerThan = 0,
  plan = planHash,
): Promise<number> {
  const opening = await gate(handle, checkpoint, newerThan);
  await handle.signal('approve', { checkpoint, opening, plan, by });
  return opening;
}

export async function reject(handle: WorkflowHandle, checkpoint: string, by = 'ann'): Promise<void> {
  const opening = await gate(handle, checkpoint);
  await handle.signal('reject', { checkpoint, opening, plan: planHash, by, reason: 'not today' });
}

export async function parked(handle: WorkflowHandle, step: string): Promise<Status> {
  return untilState(handle, 'parked', ({ failure }) => failure?.step === step);
}

export async function resolve(
  handle: WorkflowHandle,
  world: FakeWorld,
  step: string,
  action: string,
): Promise<void> {
  await parked(handle, step);
  await handle.signal('resolve', { step, opening: world.openings, plan: planHash, action, by: 'ann' });
}
