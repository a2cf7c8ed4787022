import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { startClients } from '../examples/testapp/clients/clients.js';
import { checkAcknowledged } from '../examples/testapp/clients/ledger.js';
import { isConnectionLost, isKeysMoved } from '../examples/testapp/clients/session.js';
import { createTestapp, testappDirectory, urlFor } from '../examples/testapp/database.js';
import { type HookServer, startHookServer } from '../examples/testapp/hooks/server.js';
import type { Load, LoadVerdict, Setting } from './setting.js';

const password = 'for-tests-only';
const phases = ['foundation', 'leaf-tables', 'users', 'workflow-core', 'attributes', 'dependents', 'cleanup'];

/** The reference application: one of its phases, or all of them. */
export async function testappSetting(
  phase: string | null,
  rows: number,
): Promise<{ setting: Setting; close: () => Promise<void> }> {
  if (phase !== null && !phases.slice(1, -1).includes(phase))
    throw new Error(`the reference plan has no phase ${phase} that moves tables`);
  const hooks: HookServer = await startHookServer();
  const setting: Setting = {
    phase,
    phases,
    before: phase === null ? [] : phases.slice(0, phases.indexOf(phase)),
    plan: planText(),
    variables: { TESTAPP_URL: hooks.url, REKEY_HOOKS: join(testappDirectory(), 'hooks.yaml') },
    create: async (stage, database) => {
      await createTestapp(stage.postgres.superuserUrl, database, { rows, seed: 7, password });
    },
    ownerUrl: (stage, database) =>
      urlFor(stage.postgres.superuserUrl, { user: 'testapp_owner', password, database }),
    startLoad: async (stage, database, seed) => {
      const url = (user: string) => urlFor(stage.postgres.superuserUrl, { user, password, database });
      return startLoad(url('testapp_app'), url('testapp_tenant'), seed);
    },
  };
  return { setting, close: () => hooks.close() };
}

/** As it is shipped, but no time is asserted (a probe of a microsecond takes ten here), and backups are somebody else's. */
function planText(): string {
  const text = readFileSync(join(testappDirectory(), 'plan.yaml'), 'utf8');
  return text
    .replace(/^plan: testapp$/m, 'plan: chaos')
    .replace('rollback: 20%', 'rollback: 9999%')
    .replaceAll(/backup: (full|tables)$/gm, 'backup: { external: snapshot-of-tonight }');
}

async function startLoad(url: string, tenantUrl: string, seed: number): Promise<Load> {
  const clients = await startClients({ url, tenantUrl, rate: 40, connections: 4, seed });
  return {
    stop: async (): Promise<LoadVerdict> => {
      const report = await clients.stop();
      const client = new Client({ connectionString: url });
      await client.connect();
      const check = await checkAcknowledged(client, clients.ledger).finally(() => client.end());
      const complaints = [
        ...check.missing.map((row) => `an acknowledged row is gone: ${row}`),
        ...check.returned.map((row) => `a deleted row is there: ${row}`),
        ...check.changed.map((row) => `an acknowledged row has changed: ${row}`),
        // an operation whose second try met the next outage is given up, as an application would
        ...report.failures
          .filter((failure) => !isConnectionLost(failure) && !isKeysMoved(failure))
          .map(({ operation, code, message }) => `a client was refused: ${operation}: ${code} ${message}`),
      ];
      return { complaints, operations: report.operations, retried: report.retried };
    },
  };
}
