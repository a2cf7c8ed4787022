import { checkClients } from './clients/check.js';
import { startClients } from './clients/clients.js';
import { clientPlan, clientUrls, createClientTables } from './clients/database.js';
import type { Load, Setting } from './setting.js';
import type { Stage } from './stage.js';

const password = 'for-tests-only';
/** customers; other tables in proportion */
const rows = 60;
const phases = ['foundation', 'stock', 'clients', 'cleanup'];

export interface ShopOptions {
  /** role that owns the tables and that Rekey connects as; its own one unless said */
  owner?: string;
  /** outages of minutes, reports and idle transactions as long as real ones */
  minutes?: boolean;
}

/** Small tables with every kind of client on them: one phase takes seconds. */
export function shopSetting(phase: string | null, { owner, minutes = false }: ShopOptions = {}): Setting {
  return {
    phase,
    phases,
    minutes,
    before: phase === null ? [] : phases.slice(0, phases.indexOf(phase)),
    plan: clientPlan({ name: 'chaos' }),
    variables: {},
    create: async (stage, database) => {
      await createClientTables(stage.postgres.superuserUrl, database, { rows, seed: 7, password, owner });
    },
    ownerUrl: (stage, database) => clientUrls(stage.postgres.superuserUrl, database, password, owner).owner,
    startLoad: (stage, database, seed) => startShopLoad(stage, database, seed, minutes ? real : short),
  };
}

export function isShopPhase(phase: string): boolean {
  return phases.slice(1, -1).includes(phase);
}

/** Of reports and idle transactions, ms: long ones hold every cutover up, and a round is to be seconds. */
const short = { reportMs: 400, idleMs: 200 };
const real = { reportMs: 5_000, idleMs: 2_000 };

export async function startShopLoad(
  stage: Stage,
  database: string,
  seed: number,
  lengths = short,
): Promise<Load> {
  const urls = clientUrls(stage.postgres.superuserUrl, database, password);
  const clients = await startClients({
    urls,
    rate: 50,
    seed,
    twins: 'late',
    outages: true,
    ...lengths,
  });
  return {
    stop: async () => {
      const { complaints, operations, retried } = await clients.stop();
      const wrong = await checkClients(urls.superuser, clients.ledger);
      return { complaints: [...complaints, ...wrong], operations, retried };
    },
  };
}
