import { checkClients } from '../../chaos/clients/check.js';
import { startClients } from '../../chaos/clients/clients.js';
import { clientPlan } from '../../chaos/clients/database.js';
import { LocalRun } from '../activities/local-run.js';
import { testVersions } from '../servers.js';
import { type ClientsWorld, clientsWorld } from './clients-world.js';

const version = testVersions()[0] as number;

describe(`Clients of every kind, on PostgreSQL ${version}`, () => {
  let world: ClientsWorld;
  beforeEach(async () => {
    world = await clientsWorld(version);
  });
  afterEach(() => world.drop());

  it('go on without Rekey, and the proof finds nothing', async () => {
    const load = await startClients({
      urls: world.urls,
      rate: 200,
      seed: 1,
      twins: 'late',
      reportMs: 300,
      idleMs: 200,
    });
    await new Promise((r) => setTimeout(r, 5_000));
    const report = await load.stop();
    expect(report.complaints).toEqual([]);
    expect(await checkClients(world.urls.superuser, load.ledger)).toEqual([]);
  });

  it('go on while a phase goes forward', async () => {
    const run = new LocalRun(world.connection, clientPlan({ twins: 'early' }));
    const load = await startClients({
      urls: world.urls,
      rate: 150,
      seed: 1,
      twins: 'early',
      reportMs: 300,
      idleMs: 200,
    });
    try {
      await run.forward('foundation');
      await run.forward('stock');
      await run.forward('clients');
      await new Promise((r) => setTimeout(r, 1_500));
    } finally {
      const report = await load.stop();
      run.end();
    }
  });
});
