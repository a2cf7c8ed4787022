import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from './latency.js';
import { Ledger } from './ledger.js';
import type { ClientSettings, Operation, Surroundings } from './operations/model.js';
import { peopleOperations } from './operations/people.js';
import { recordsOperations } from './operations/records.js';
import { workflowOperations } from './operations/workflow.js';
import { emptyPools, type RowPools } from './rows.js';
import { Attempt, isConnectionLost, isKeysMoved, Session, WrongAnswer } from './session.js';

export interface ClientOptions {
  /** as testapp_app */
  url: string;
  /** as testapp_tenant: adds announcements under row-level security to the mix */
  tenantUrl?: string;
  /** operations a second, all connections together */
  rate: number;
  connections: number;
  seed: number;
  /** `both` unless given: see ClientSettings */
  pairWrites?: ClientSettings['pairWrites'];
}

export interface Failure {
  operation: string;
  /** SQLSTATE or the system's code; `wrong` where the answer was not what had been acknowledged */
  code: string;
  message: string;
  /** ms since 1970 */
  at: number;
}

export interface ClientReport {
  seconds: number;
  operations: number;
  /** done at once */
  done: number;
  /** done at the second try, after keys had moved or a connection was lost */
  retried: number;
  failed: number;
  /** connections that were lost and made again */
  reconnects: number;
  /** the first 50 */
  failures: Failure[];
  /** ms from when an operation was due, not from when a client was free to begin it */
  p50: number;
  p95: number;
  p99: number;
  longestStallMs: number;
  slowest: { at: number; ms: number; operation: string }[];
  timeline: { at: number; operations: number; maxMs: number }[];
  byOperation: Record<string, number>;
  acknowledged: number;
}

export interface LiveClients {
  /** What was acknowledged so far, for checkAcknowledged; complete once stop() has answered. */
  ledger: Ledger;
  stats(): ClientReport;
  /** Holds from the next operation on. With `both`, all that was under way the other way is done when this answers. */
  setPairWrites(way: ClientSettings['pairWrites']): Promise<void>;
  /** Lets operations under way end, closes the connections. */
  stop(): Promise<ClientReport>;
}

/** A few numbers from 0 to 1 that depend on seed and operation only, so that a second try decides as the first did. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * An open loop: operations fall due at a fixed rate, whether or not earlier ones are done, and wait for a free
 * connection. Answers when all are connected. An operation is tried a second time only when keys have moved or its
 * connection was lost; whatever else goes wrong is a failure.
 */
export async function startClients(options: ClientOptions): Promise<LiveClients> {
  const mix = [...peopleOperations, ...workflowOperations, ...recordsOperations].filter(
    (operation) => operation.as !== 'tenant' || options.tenantUrl,
  );
  const weights = mix.reduce((sum, operation) => sum + operation.weight, 0);
  const run = randomBytes(3).toString('hex');
  const ledger = new Ledger();
  const latencies = new Latencies();
  const failures: Failure[] = [];
  const byOperation: Record<string, number> = {};
  const counts = { done: 0, retried: 0, failed: 0 };
  const settings: ClientSettings = { pairWrites: options.pairWrites ?? 'both' };
  let stopping = false;

  const workers = await Promise.all(
    Array.from({ length: options.connections }, async (_, client) => {
      const app = new Session(options.url);
      const tenant = options.tenantUrl ? new Session(options.tenantUrl) : null;
      await Promise.all([app.open(), tenant?.open()]);
      const around: Surroundings = {
        own: { ...emptyPools(), comments: [], leavers: [], assigned: [], notes: [] },
        found: await look(app),
        client,
        settings,
      };
      return { app, tenant, around, busy: Promise.resolve() };
    }),
  );

  const began = performance.now();
  const beganAt = Date.now();
  let ended: number | null = null;
  let next = 0;

  function choose(index: number): { operation: Operation; seed: number } {
    const seed = Math.imul(options.seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
    let left = randomFrom(seed)() * weights;
    const operation = mix.find((one) => {
      left -= one.weight;
      return left < 0;
    });
    return { operation: operation ?? (mix[0] as Operation), seed: seed ^ 0x5bd1e995 };
  }

  async function perform(index: number, worker: (typeof workers)[number], due: number): Promise<void> {
    const { operation, seed } = choose(index);
    const session = operation.as === 'tenant' && worker.tenant ? worker.tenant : worker.app;
    const tag = `k${run}-${index}`;
    let again = false;
    for (let tries = 1; ; tries++) {
      const attempt = new Attempt(session, randomFrom(seed), tag, again);
      try {
        await session.ensure();
        await operation.run(attempt, worker.around);
        ledger.acknowledge(attempt.changes);
        counts[tries === 1 ? 'done' : 'retried']++;
        break;
      } catch (error) {
        const lost = isConnectionLost(error);
        if (tries === 1 && (lost || isKeysMoved(error))) {
          again = lost;
          try {
            await (lost ? session.open() : session.look());
            continue;
          } catch (second) {
            fail(operation.name, second);
          }
        } else {
          fail(operation.name, error);
        }
        ledger.forget(attempt.changes);
        break;
      }
    }
    byOperation[operation.name] = (byOperation[operation.name] ?? 0) + 1;
    latencies.add(performance.now() - began - due, beganAt + due, operation.name);
  }

  function fail(operation: string, error: unknown): void {
    counts.failed++;
    const { code, message } = error as { code?: string; message: string };
    if (failures.length >= 50) return;
    failures.push({
      operation,
      code: error instanceof WrongAnswer ? 'wrong' : (code ?? 'none'),
      message,
      at: Date.now(),
    });
  }

  const loops = workers.map(async (worker) => {
    while (!stopping) {
      const index = next++;
      const due = (index * 1000) / options.rate;
      const wait = due - (performance.now() - began);
      if (wait > 0) await sleep(wait);
      if (stopping) break;
      worker.busy = perform(index, worker, due);
      await worker.busy;
    }
    await Promise.all([worker.app.close(), worker.tenant?.close()]);
  });

  const stats = (): ClientReport => ({
    seconds: ((ended ?? performance.now()) - began) / 1000,
    operations: latencies.count,
    ...counts,
    reconnects: workers
      .flatMap(({ app, tenant }) => [app, tenant])
      .reduce((sum, one) => sum + (one ? one.connects - 1 : 0), 0),
    failures: [...failures],
    p50: latencies.percentile(0.5),
    p95: latencies.percentile(0.95),
    p99: latencies.percentile(0.99),
    longestStallMs: latencies.max,
    slowest: latencies.slowest(),
    timeline: latencies.timeline(),
    byOperation: { ...byOperation },
    acknowledged: ledger.rows.size,
  });

  return {
    ledger,
    stats,
    setPairWrites: async (way) => {
      settings.pairWrites = way;
      await Promise.all(workers.map((worker) => worker.busy));
    },
    stop: async () => {
      stopping = true;
      await Promise.all(loops);
      ended ??= performance.now();
      return stats();
    },
  };
}

/** Rows that were there before, for references; the clients neither change nor delete them. */
async function look(session: Session): Promise<RowPools> {
  const pools = emptyPools();
  const read = async (table: string, label = 'reference', where = `reference ~ '^[A-Z]+-[0-9]+$'`) => {
    const key = session.shape.keyColumn(table);
    const rows = await session.query(
      `select ${key}::text as key, ${label} as reference from ${table} where ${where} order by ${label} limit 100`,
    );
    return rows.map((row) => ({ table, key: row.key as string, reference: row.reference as string }));
  };
  pools.users = await read('users');
  pools.lobs = await read('lobs');
  pools.cycles = await read('test_cycles');
  pools.reports = await read('reports');
  pools.phases = await read('workflow_phases');
  pools.observations = await read('observations');
  pools.roles = await read('roles', 'name', 'true');
  pools.severities = await read('lookup_values', 'code', 'position >= 0');
  const pairs = await session.query(
    `select p.reference, p.cycle_id::text as cycle_key, c.reference as cycle, p.report_id::text as report_key, r.reference as report
     from cycle_reports p join test_cycles c on c.cycle_id = p.cycle_id join reports r on r.report_id = p.report_id
     where p.reference ~ '^CR-[0-9]+$' order by p.reference limit 100`,
  );
  pools.pairs = pairs.map((row) => ({
    reference: row.reference as string,
    cycle: { table: 'test_cycles', key: row.cycle_key as string, reference: row.cycle as string },
    report: { table: 'reports', key: row.report_key as string, reference: row.report as string },
  }));
  return pools;
}
