import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from './activities/create.js';
import { visible } from './src/cli/output.js';
import { connectionNames } from './src/postgres/environment.js';
import { failureLine } from './src/report/failure-line.js';

export const taskQueue = 'rekey';

export interface WorkerSettings {
  taskQueue?: string;
  address?: string;
  namespace?: string;
  /** how many activities at a time: a map runs as many ranges as the plan says, and gates need some beside them */
  activities?: number;
  /** a file with the bundled workflows; bundling takes seconds, so whoever starts many workers does it once */
  bundle?: string;
}

/** A worker that polls, connected by the environment or by a profile of the Temporal CLI. */
export async function createWorker(
  settings: WorkerSettings = {},
): Promise<{ worker: Worker; close: () => Promise<void> }> {
  const config = loadClientConnectConfig();
  const options = { ...config.connectionOptions, ...(settings.address ? { address: settings.address } : {}) };
  const namespace = settings.namespace ?? config.namespace ?? 'default';
  const connection = await NativeConnection.connect(options);
  const clientConnection = await Connection.connect(options);
  const client = new Client({ connection: clientConnection, namespace });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: settings.taskQueue ?? taskQueue,
    ...(settings.bundle ? { workflowBundle: { codePath: settings.bundle } } : workflows()),
    activities: createActivities(client),
    maxConcurrentActivityTaskExecutions: settings.activities ?? 20,
    // a batch, and a cancel that has to reach its statement
    shutdownGraceTime: '10s',
    shutdownForceTime: '30s',
  });
  return {
    worker,
    close: async () => {
      await connection.close();
      await clientConnection.close();
    },
  };
}

/** From the compiled package the sources of the workflows are JavaScript; in a clone's tests they are TypeScript. */
function workflows(): Pick<WorkerOptions, 'workflowsPath' | 'dataConverter'> {
  const [workflowsPath, payloadConverterPath] = workflowFiles();
  return { workflowsPath, dataConverter: { payloadConverterPath } };
}

/** The two files that a bundle of the workflows is made from: they, and what decodes what they are sent. */
export function workflowFiles(): [workflowsPath: string, payloadConverterPath: string] {
  const path = join(__dirname, 'workflows');
  const end = existsSync(join(path, 'index.js')) ? 'js' : 'ts';
  return [join(path, `index.${end}`), join(path, `payload-converter.${end}`)];
}

/** Polls until SIGINT or SIGTERM. */
export async function runWorker(settings: WorkerSettings = {}): Promise<void> {
  Runtime.install({ logger: workerLog() });
  console.log(whatItKnows());
  const { worker, close } = await createWorker(settings);
  console.log(
    `rekey: polling the task queue ${settings.taskQueue ?? taskQueue} of namespace ${worker.options.namespace}`,
  );
  try {
    await worker.run();
  } finally {
    await close();
  }
}

/** Of what the SDK tells, the bundler's lists above all, an operator needs the warnings; a step's failure is one line. */
function workerLog(): DefaultLogger {
  const warnings = new DefaultLogger('WARN');
  return new DefaultLogger('WARN', ({ level, message, meta, timestampNanos }) => {
    const line = failureLine(message, meta);
    if (line === null) return warnings.log(level, message, meta);
    const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    process.stderr.write(`${at} [${level}] ${visible(line)}\n`);
  });
}

/** What a worker can work with, before somebody starts a plan and it turns out to be missing. Names and paths, never a URL. */
function whatItKnows(environment: NodeJS.ProcessEnv = process.env): string {
  const of = (name: string) => environment[name] || `${name} is not set`;
  const there = (name: string, without: string) => {
    const path = environment[name];
    return path && !existsSync(path) ? `${path}, which is NOT THERE: ${without}` : of(name);
  };
  return [
    `rekey: plans        ${there('REKEY_PLANS', 'no plan can be started')}`,
    `rekey: connections  ${connectionNames(environment).join(', ') || 'no REKEY_CONNECTION_<NAME> is set'}`,
    `rekey: backups      ${of('REKEY_BACKUPS')}`,
    `rekey: hooks        ${there('REKEY_HOOKS', 'every phase will stop at preflight')}`,
  ].join('\n');
}

if (require.main === module) {
  runWorker().catch((error: unknown) => {
    console.error('rekey: the worker ended:', error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
