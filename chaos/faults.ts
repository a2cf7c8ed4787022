import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultName, Strike } from './schedule.js';
import { endWorker, type Stage } from './stage.js';

/** What a fault may reach. */
export interface Target {
  stage: Stage;
  database: string;
  /** the clock of the worker that takes the place of one that is gone, ms wrong */
  clock: () => number;
  /** sends a signal to the open phase */
  signal: (name: 'pause' | 'resume') => Promise<void>;
}

/**
 * Breaks something, waits, and puts it back: when this answers, everything runs again. Two faults on the same server
 * wait for each other (`Faults`), all others overlap as they come.
 */
type Fault = (target: Target, forMs: number) => Promise<void>;

const faults: Record<FaultName, Fault> = {
  'worker killed': (target, forMs) => replaceWorkers(target, 1, 'SIGKILL', forMs),
  'worker stopped': (target, forMs) => replaceWorkers(target, 1, 'SIGTERM', forMs),
  'all workers killed': (target, forMs) => replaceWorkers(target, 99, 'SIGKILL', forMs),
  'worker frozen': async ({ stage }, forMs) => {
    const [worker] = stage.workers;
    worker?.kill('SIGSTOP');
    await sleep(forMs);
    worker?.kill('SIGCONT');
  },
  'backends ended': async ({ stage, database }) => {
    await stage.withDatabase(database, (client) =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'rekey %'`,
      ),
    );
  },
  'postgres restarted': ({ stage }) => stage.postgres.restart(),
  'postgres shut down at once': async ({ stage }, forMs) => {
    await stage.postgres.shutDownAtOnce();
    await sleep(forMs);
    await stage.postgres.restart();
  },
  'postgres killed': async ({ stage }, forMs) => {
    await stage.postgres.crash();
    await sleep(forMs);
    await stage.postgres.restart();
  },
  'temporal killed': async ({ stage }, forMs) => {
    await stage.temporal.kill();
    await sleep(forMs);
    await stage.temporal.restart();
  },
  'postgres unreachable': ({ stage }, forMs) => pull(stage.toPostgres, 'refused', forMs),
  'postgres silent': ({ stage }, forMs) => pull(stage.toPostgres, 'swallowed', forMs),
  'temporal unreachable': ({ stage }, forMs) => pull(stage.toTemporal, 'refused', forMs),
  'temporal silent': ({ stage }, forMs) => pull(stage.toTemporal, 'swallowed', forMs),
  paused: async ({ signal }, forMs) => {
    await signal('pause');
    await sleep(forMs);
    await signal('resume');
  },
};

async function replaceWorkers(
  { stage, clock }: Target,
  most: number,
  signal: 'SIGKILL' | 'SIGTERM',
  forMs: number,
): Promise<void> {
  const struck = [...stage.workers].slice(0, most);
  await Promise.all(struck.map((worker) => endWorker(worker, signal)));
  await sleep(forMs);
  for (const _ of struck) stage.startWorker(clock());
}

async function pull(cable: Stage['toPostgres'], way: 'refused' | 'swallowed', forMs: number): Promise<void> {
  cable.cut(way);
  await sleep(forMs);
  cable.mend();
}

/** Strikes, one after the other where they hit the same thing. */
export class Faults {
  private readonly queues = new Map<string, Promise<void>>();

  constructor(private readonly target: Target) {}

  strike({ fault, forMs }: Strike): Promise<void> {
    const on = fault.replace('all workers', 'worker').replace('backends', 'postgres').split(' ')[0] ?? fault;
    const before = this.queues.get(on) ?? Promise.resolve();
    const now = before.then(() => faults[fault](this.target, forMs));
    this.queues.set(
      on,
      now.catch(() => undefined),
    );
    return now;
  }
}
