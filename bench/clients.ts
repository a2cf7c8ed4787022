import type { Client as Temporal } from '@temporalio/client';
import { checkClients } from '../chaos/clients/check.js';
import { startClients } from '../chaos/clients/clients.js';
import { createClientTables } from '../chaos/clients/database.js';
import type { Stall } from '../chaos/clients/journal-times.js';
import { withClient } from './database.js';
import { runPhase } from './rekey.js';
import type { Stage } from './stage.js';

export const clientRate = 150;

/** What clients of every kind noticed of a whole plan, forward, back, forward again and cleaned up. */
export interface ClientsMeasured {
  rows: number;
  /** from the first phase's start to the end of cleanup */
  seconds: number;
  operations: number;
  retried: number;
  lost: number;
  /** by step, over all phases; ms from when an operation was due */
  stalls: Stall[];
  /** by step: the longest that its locks were held, waits for them included, ms */
  locks: { step: string; ms: number }[];
  /** what the clients and the checker found wrong; good is none */
  complaints: string[];
}

const connection = 'shop';
/** the generator's, over all tables */
const rowsPerCustomer = 13;

/** The shop of the chaos rounds with more rows in it, through workflow and worker; gates are approved at once. */
export async function measureClients(
  stage: Stage,
  rows: number,
  say: (text: string) => void,
): Promise<ClientsMeasured> {
  const urls = await createClientTables(stage.postgres.superuserUrl, connection, {
    rows: Math.round(rows / rowsPerCustomer),
    seed: 7,
    password: stage.password,
  });
  say(`${rows.toLocaleString('en')} rows in the shop`);
  const worker = await stage.startWorker(connection, { ...urls });
  const clients = await startClients({ urls, rate: clientRate, seed: 7, twins: 'late' });
  const began = Date.now();
  try {
    await throughPhases(stage.temporal, say);
    const report = await clients.stop();
    return {
      rows,
      seconds: (Date.now() - began) / 1000,
      operations: report.operations,
      retried: report.retried,
      lost: report.lost,
      stalls: byStep(report.stalls),
      locks: await locksOf(urls.superuser),
      complaints: [...report.complaints, ...(await checkClients(urls.superuser, clients.ledger))],
    };
  } finally {
    await clients.stop().catch(() => undefined);
    await worker.end();
  }
}

async function throughPhases(temporal: Temporal, say: (text: string) => void): Promise<void> {
  const run = (phase: string, id: string, at: string | null = null) =>
    runPhase(temporal, connection, phase, async (gate) => (gate === at ? 'reject' : 'approve'), say, 100, id);
  await run('foundation', 'foundation');
  await run('stock', 'stock');
  await run('clients', 'clients-and-back', 'after-swap');
  await run('clients', 'clients');
  await run('cleanup', 'cleanup');
}

/** The longest of each step, in the order in which the steps came. */
function byStep(stalls: Stall[]): Stall[] {
  const longest = new Map<string, Stall>();
  for (const stall of stalls) {
    const before = longest.get(stall.step);
    if (!before || before.ms < stall.ms) longest.set(stall.step, stall);
  }
  return [...longest.values()];
}

function locksOf(url: string): Promise<{ step: string; ms: number }[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ step: string; ms: number }>(
      `select step, max(duration_ms + coalesce(lock_wait_ms, 0))::float8 as ms from rekey.journal
       where kind = 'locks' and step in ('swapKeys', 'swapKeysBack') and object = phase group by step order by step`,
    );
    return rows;
  });
}
