import { Connection } from '@temporalio/client';
import { RekeyError } from '../errors.js';
import { runCommand } from './command.js';
import { freePorts } from './free-port.js';
import { KeptServer } from './kept.js';
import { findTemporalCli } from './temporal-cli.js';

export interface TemporalOptions {
  /** with the Web UI; false unless said */
  ui?: boolean;
  /** keeps its state in a file, so that it is there again after `restart`; true unless said */
  keepState?: boolean;
  /** a file of the caller's for the state, which outlives the server */
  dbFile?: string;
  /** created at the start; `default` unless said */
  namespace?: string;
  /** further arguments of `temporal server start-dev` */
  extraArgs?: string[];
  /** never the server that the environment names: a test that kills it must own it */
  own?: boolean;
}

export interface TemporalServer {
  /** host:port of the frontend, stable over restarts */
  address: string;
  namespace: string;
  /** of a server that is ours and has one */
  uiUrl: string | null;
  /** the `temporal` program, also where the server is somebody else's */
  cliPath: string;
  /** false where the environment named the server: then stop leaves it alone, and restart and kill throw */
  ours: boolean;
  log(): string;
  /** ends it in good order and starts it again on the same ports */
  restart(): Promise<void>;
  /** SIGKILL; `restart` starts it again */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A Temporal server: the one at TEMPORAL_ADDRESS (namespace TEMPORAL_NAMESPACE), else a new `temporal server start-dev`
 * on free ports of 127.0.0.1 that ends with this process.
 */
export async function startTemporal(options: TemporalOptions = {}): Promise<TemporalServer> {
  const cliPath = await findTemporalCli();
  const address = process.env.TEMPORAL_ADDRESS;
  return address && !options.own
    ? await namedServer(address, process.env.TEMPORAL_NAMESPACE || options.namespace || 'default', cliPath)
    : await startOwn(cliPath, options);
}

async function namedServer(address: string, namespace: string, cliPath: string): Promise<TemporalServer> {
  if (!(await hasNamespace(address, namespace, Date.now() + 10_000))) {
    throw new RekeyError('BadInput', {
      code: 'server.address-silent',
      message: `no Temporal server with namespace ${namespace} answers at ${address}`,
      remedy:
        'Correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or unset TEMPORAL_ADDRESS to have a server started.',
    });
  }
  const refuse = async () => {
    throw new Error('this server is not ours to stop: TEMPORAL_ADDRESS names it');
  };
  const stop = async () => undefined;
  return {
    address,
    namespace,
    uiUrl: null,
    cliPath,
    ours: false,
    log: () => '',
    restart: refuse,
    kill: refuse,
    stop,
  };
}

async function startOwn(cliPath: string, options: TemporalOptions): Promise<TemporalServer> {
  const kept = new KeptServer('temporal', {}, 'INT');
  try {
    const namespace = options.namespace ?? 'default';
    const dbFile = options.dbFile ?? (options.keepState === false ? null : kept.path('temporal.db'));
    const quietUi = options.ui ? await withoutNews(cliPath) : [];
    for (let attempt = 1; ; attempt++) {
      const ports = await freePorts(4);
      const [port, http, metrics, ui] = ports as [number, number, number, number];
      const args = [
        'server',
        'start-dev',
        '--ip',
        '127.0.0.1',
        '--log-level',
        'error',
        '--namespace',
        namespace,
      ];
      args.push('--port', String(port), '--http-port', String(http), '--metrics-port', String(metrics));
      args.push(...(options.ui ? ['--ui-port', String(ui), ...quietUi] : ['--headless']));
      if (dbFile !== null) args.push('--db-filename', dbFile);
      args.push(...(options.extraArgs ?? []));
      const address = `127.0.0.1:${port}`;
      const start = async () => {
        kept.launch(cliPath, args, { ...process.env, TEMPORAL_VERSION_CHECK_DISABLED: '1' });
        return hasNamespace(address, namespace, Date.now() + 60_000, () => kept.running);
      };
      if (await start()) {
        const uiUrl = options.ui ? `http://127.0.0.1:${ui}` : null;
        const restart = async () => {
          await kept.end();
          if (!(await start())) throw startFailed(kept.output());
        };
        const kill = () => kept.end('KILL');
        const stop = () => kept.stop();
        return {
          address,
          namespace,
          uiUrl,
          cliPath,
          ours: true,
          log: () => kept.output(),
          restart,
          kill,
          stop,
        };
      }
      await kept.end('KILL');
      if (attempt === 3) throw startFailed(kept.output());
    }
  } catch (error) {
    await kept.stop();
    throw error;
  }
}

/** The Web UI asks its makers for news unless it is told not to; older versions know no such flag. */
async function withoutNews(cliPath: string): Promise<string[]> {
  const { stdout } = await runCommand(cliPath, ['server', 'start-dev', '--help'], { timeout: 30_000 });
  return stdout.includes('--ui-disable-news-fetch') ? ['--ui-disable-news-fetch'] : [];
}

/** Whether this namespace can be used there, asking until the deadline (ms since the epoch) or while `alive`. */
async function hasNamespace(
  address: string,
  namespace: string,
  deadline: number,
  alive = () => true,
): Promise<boolean> {
  while (alive() && Date.now() < deadline) {
    let connection: Connection | null = null;
    try {
      connection = await Connection.connect({ address, connectTimeout: 2_000 });
      await connection.workflowService.describeNamespace({ namespace });
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      await connection?.close();
    }
  }
  return false;
}

function startFailed(output: string): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'server.start-failed',
    message: `Temporal did not start: ${output.trim().split('\n').slice(-3).join(' | ')}`,
    remedy:
      'Read the lines above; the program is the one that `temporal --version` shows, or TEMPORAL_CLI names.',
  });
}
