import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Status } from '../../src/decisions/status.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { createWorker } from '../../worker.js';
import { closeLater } from '../close-later.js';
import { type SharedTemporal, temporalForTests } from '../servers.js';
import { bundle } from '../workflows/harness.js';

/** How a workflow ended that was refused. */
export interface Refusal {
  status: string;
  type: string;
  message: string;
  code: string;
  remedy: string;
  /** activities that were tried again, and timers: what is refused at once has neither */
  waits: number;
}

interface Details {
  code: string;
  remedy: string;
}

/** An operator's place: a folder of plans, the real `temporal`, and the real worker, in this process. */
export class Desk {
  private readonly set = new Map<string, string | undefined>();
  private stopWorker: () => Promise<void> = async () => undefined;
  private started = 0;

  private constructor(
    readonly temporal: SharedTemporal,
    readonly client: Client,
    readonly folder: string,
  ) {}

  static async open(): Promise<Desk> {
    const [temporal, { code }] = await Promise.all([temporalForTests({ ownNamespace: true }), bundle()]);
    const connection = await Connection.connect({ address: temporal.address });
    const { namespace } = temporal;
    const folder = mkdtempSync(join(tmpdir(), 'rekey-desk-'));
    const desk = new Desk(temporal, new Client({ connection, namespace }), folder);
    desk.environment('REKEY_PLANS', folder);
    desk.environment('REKEY_BACKUPS', join(folder, 'backups'));
    writeFileSync(join(folder, 'bundle.js'), code);
    const { worker, close } = await createWorker({
      address: temporal.address,
      namespace,
      bundle: join(folder, 'bundle.js'),
    });
    const running = worker.run();
    desk.stopWorker = async () => {
      worker.shutdown();
      await running;
      await close();
    };
    return desk;
  }

  async close(): Promise<void> {
    for await (const { workflowId } of this.client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
      await this.handle(workflowId)
        .terminate('the test is over')
        .catch(() => undefined);
    await this.stopWorker();
    closeLater(this.client.connection);
    for (const [name, value] of this.set)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A variable of the worker, until `close`. */
  environment(name: string, value: string): void {
    if (!this.set.has(name)) this.set.set(name, process.env[name]);
    process.env[name] = value;
  }

  connection(name: string, url: string): void {
    this.environment(connectionVariable(name), url);
  }

  plan(name: string, text: string): void {
    writeFileSync(join(this.folder, `${name}.yaml`), text);
  }

  handle(id: string): WorkflowHandle {
    return this.client.workflow.getHandle(id);
  }

  /** `temporal workflow start`, as it is printed; answers with the workflow's id. */
  async start(type: string, input: unknown): Promise<string> {
    this.started += 1;
    const id = `${type}-${this.started}`;
    await this.type(
      `temporal workflow start --namespace ${this.temporal.namespace} --task-queue rekey --type ${type} --workflow-id ${id} --fail-existing --input '${JSON.stringify(input)}'`,
    );
    return id;
  }

  /** Text into a shell, where `temporal` is the real program. */
  async type(command: string): Promise<string> {
    const { stdout } = await promisify(execFile)('sh', ['-c', command], {
      env: {
        ...process.env,
        PATH: `${dirname(this.temporal.cliPath)}:${process.env.PATH}`,
        TEMPORAL_ADDRESS: this.temporal.address,
      },
    });
    return stdout;
  }

  signal(id: string, name: string, input: object): Promise<string> {
    return this.type(
      `temporal workflow signal --namespace ${this.temporal.namespace} --workflow-id ${id} --name ${name} --input '${JSON.stringify(input)}'`,
    );
  }

  /** Starts a workflow that has to be refused, and tells how. */
  async refused(type: string, input: unknown): Promise<Refusal> {
    const handle = this.handle(await this.start(type, input));
    const why = await handle.result().then(
      (result) => Promise.reject(new Error(`it was not refused: ${JSON.stringify(result)}`)),
      (error: { cause?: { type?: string; message?: string; details?: Details[] } }) => error.cause ?? {},
    );
    const { events } = await handle.fetchHistory();
    const waits = (events ?? []).filter(
      (e) => e.timerStartedEventAttributes || (e.activityTaskStartedEventAttributes?.attempt ?? 0) > 1,
    );
    return {
      status: (await handle.describe()).status.name,
      type: why.type ?? '',
      message: why.message ?? '',
      code: why.details?.[0]?.code ?? '',
      remedy: why.details?.[0]?.remedy ?? '',
      waits: waits.length,
    };
  }

  status(id: string): Promise<Status> {
    return this.handle(id).query<Status>('status');
  }

  async until(id: string, so: (status: Status) => boolean, seconds = 50): Promise<Status> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const status = await this.status(id);
      if (so(status)) return status;
      const { name } = (await this.handle(id).describe()).status;
      if (Date.now() > end || name !== 'RUNNING')
        throw new Error(`${id} did not get there, it is ${name}: ${JSON.stringify(status, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  parked(id: string): Promise<Status> {
    return this.until(id, ({ state }) => state === 'parked');
  }

  gate(id: string, checkpoint: string): Promise<Status> {
    return this.until(id, (s) => s.state === 'waiting-for-approval' && s.checkpoint?.name === checkpoint);
  }

  /** Pastes the first printed command that has this text in it. */
  async paste({ next }: Status, text: string): Promise<void> {
    const command = next.find((one) => one.includes(text));
    if (command === undefined) throw new Error(`no command has ${text}: ${next.join('\n')}`);
    await this.type(command);
  }

  async approve(id: string, checkpoint: string): Promise<void> {
    await this.paste(await this.gate(id, checkpoint), '--name approve');
  }
}
