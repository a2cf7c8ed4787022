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
}

/** Small tables with every kind of client on them: one phase takes seconds. */
export function shopSetting(phase: string | null, { owner }: ShopOptions = {}): Setting {
  return {
    phase,
    phases,
    before: phase === null ? [] : phases.slice(0, phases.indexOf(phase)),
    plan: clientPlan({ name: 'chaos' }),
    variables: {},
    create: async (stage, database) => {
      await createClientTables(stage.postgres.superuserUrl, database, { rows, seed: 7, password, owner });
    },
    ownerUrl: (stage, database) => clientUrls(stage.postgres.superuserUrl, database, password, owner).owner,
    startLoad: startShopLoad,
  };
}

export function isShopPhase(phase: string): boolean {
  return phases.slice(1, -1).includes(phase);
}

export async function startShopLoad(stage: Stage, database: string, seed: number): Promise<Load> {
  const urls = clientUrls(stage.postgres.superuserUrl, database, password);
  const clients = await startClients({
    urls,
    rate: 50,
    seed,
    twins: 'late',
    outages: true,
    // longer ones hold every cutover up, and a round is to be seconds
    reportMs: 400,
    idleMs: 200,
  });
  return {
    stop: async () => {
      const { complaints, operations, retried } = await clients.stop();
      const wrong = await checkClients(urls.superuser, clients.ledger);
      return { complaints: [...complaints, ...wrong], operations, retried };
    },
  };
}
