import { setTimeout as sleep } from 'node:timers/promises';
import { Cable } from '../../chaos/cable.js';
import { checkClients } from '../../chaos/clients/check.js';
import { type LiveClients, startClients } from '../../chaos/clients/clients.js';
import { clientPlan } from '../../chaos/clients/database.js';
import { LocalRun } from '../activities/local-run.js';
import { figure } from '../figures.js';
import { testVersions } from '../servers.js';
import { type ClientsWorld, clientsWorld } from './clients-world.js';

const version = testVersions()[0] as number;

/** Rekey's own way to the server is whole: what it does is under way while the clients' connections are cut. */
describe(`Clients whose cables are pulled while a phase moves, on PostgreSQL ${version}`, () => {
  let world: ClientsWorld;
  let cable: Cable;
  let run: LocalRun;
  let load: LiveClients | undefined;

  beforeAll(async () => {
    world = await clientsWorld(version, 40);
    const { hostname, port } = new URL(world.urls.superuser);
    cable = await Cable.to(hostname, Number(port));
    run = new LocalRun(world.connection, clientPlan().replace(/^.*phase: stock.*\n/m, ''));
  });
  afterAll(async () => {
    await load?.stop();
    await cable?.close();
    run?.end();
    await world?.drop();
  });

  const throughCable = () => {
    const around = Object.entries(world.urls).map(([role, url]) => {
      const changed = new URL(url);
      // the checker and the journal are no clients
      if (role !== 'superuser') changed.port = String(cable.port);
      return [role, changed.href];
    });
    return Object.fromEntries(around) as ClientsWorld['urls'];
  };

  /** Operations that end well, whatever their kind: the clients are back. */
  const back = async (operations: number) => {
    const sum = () => Object.values(load?.done() ?? {}).reduce((a, b) => a + b, 0);
    const before = sum();
    for (const deadline = Date.now() + 60_000; sum() < before + operations; await sleep(20)) {
      const wrong = load?.ledger.complaints ?? [];
      if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join('\n'));
      if (Date.now() > deadline) throw new Error('the clients did not come back within a minute');
    }
  };

  /** Everything under way at once: resets for a moment, or silence for seconds, in which the server keeps their locks. */
  const pull = async (way: 'refused' | 'swallowed', ms: number) => {
    cable.cut(way);
    await sleep(ms);
    cable.mend();
    await back(40);
  };

  it('find each operation under way whole or not there, on either side of the cutover and of the way back, and lose nothing that was acknowledged', async () => {
    await run.forward('foundation');
    load = await startClients({
      urls: throughCable(),
      rate: 150,
      seed: 17,
      twins: 'late',
      outages: true,
      reportMs: 200,
      idleMs: 100,
    });
    await back(60);
    await Promise.all([run.forward('clients', 'map'), pull('swallowed', 2_000)]);
    for (const way of ['refused', 'swallowed', 'refused'] as const) await pull(way, 300);
    // what the silent ones hold is waited for, with no lock of ours before the others
    await Promise.all([run.forward('clients'), pull('swallowed', 2_000)]);
    for (const way of ['swallowed', 'refused'] as const) await pull(way, 300);
    await Promise.all([run.back('clients'), pull('swallowed', 2_000)]);
    await back(100);
    const report = await load.stop();
    expect(report.complaints).toEqual([]);
    expect(await checkClients(world.urls.superuser, load.ledger)).toEqual([]);
    expect(report.lost + report.decidedLater).toBeGreaterThan(0);
    figure('clients whose cables are pulled: operations', report.operations, 'operations');
    figure('clients whose cables are pulled: not there', report.lost, 'operations');
    figure('clients whose cables are pulled: there, and nobody was told', report.decidedLater, 'operations');
  }, 180_000);
});
