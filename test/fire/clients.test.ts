import { checkClients } from '../../chaos/clients/check.js';
import {
  type ClientsOptions,
  type LiveClients,
  type Report,
  startClients,
} from '../../chaos/clients/clients.js';
import { clientPlan } from '../../chaos/clients/database.js';
import { operations } from '../../chaos/clients/groups.js';
import { byTwin } from '../../chaos/clients/perform.js';
import { LocalRun } from '../activities/local-run.js';
import { figure } from '../figures.js';
import { testVersions } from '../servers.js';
import { type ClientsWorld, clientsWorld } from './clients-world.js';

const version = testVersions()[0] as number;
const stepsForward = ['addColumns', 'finishMap', 'buildTwins', 'swapKeys', 'validate'];
const stepsBack = ['swapKeysBack', 'dropTwins', 'unmap', 'dropColumns'];

/** What the shop's clients do while Rekey works, without Temporal: the statements are the same. */
describe(`Clients of every kind, on PostgreSQL ${version}`, () => {
  let world: ClientsWorld;
  let load: LiveClients | undefined;
  let run: LocalRun | undefined;

  beforeEach(async () => {
    world = await clientsWorld(version, 40);
  });
  afterEach(async () => {
    await load?.stop();
    run?.end();
    await world.drop();
  });

  const start = (more: Partial<ClientsOptions> = {}) =>
    startClients({
      urls: world.urls,
      rate: 100,
      seed: 11,
      twins: 'late',
      reportMs: 250,
      idleMs: 150,
      ...more,
    });

  const until = async (what: string, is: () => boolean) => {
    for (const deadline = Date.now() + 60_000; !is(); ) {
      const wrong = load?.ledger.complaints ?? [];
      if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join('\n'));
      if (Date.now() > deadline) throw new Error(`after a minute there is still ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  /** Each operation once more, to its end. */
  const everything = async () => {
    const before = load?.done() ?? {};
    const missing = () => operations.filter(({ name }) => (load?.done()[name] ?? 0) === (before[name] ?? 0));
    await until('something that was not done', () => missing().length === 0);
  };

  const proven = async (clients: LiveClients): Promise<Report> => {
    const report = await clients.stop();
    expect(report.complaints).toEqual([]);
    expect(await checkClients(world.urls.superuser, clients.ledger)).toEqual([]);
    return report;
  };

  const tell = (report: Report) => {
    figure('clients of the shop: operations', report.operations, 'operations');
    figure('clients of the shop: retried at a change of the schema', report.retried, 'operations');
    figure('clients of the shop: refused by position, done with names', report.named, 'operations');
    figure('clients of the shop: lost', report.lost, 'operations');
    for (const { phase, step, ms } of report.stalls)
      figure(`clients of the shop: longest stall, ${step} of ${phase}`, ms, 'ms');
  };

  it('lose nothing while phases go forward, back, forward again and are cleaned up, and nothing else than what is allowed happens to them', async () => {
    run = new LocalRun(world.connection, clientPlan());
    load = await start();
    await run.forward('foundation');
    await run.forward('stock');
    await run.forward('clients', 'map');
    await everything();
    await run.forward('clients');
    await everything();
    await run.back('clients');
    await everything();
    await run.forward('clients');
    await everything();
    // between cutover and cleanup old keys and new ones must both be answered for
    const moved = await proven(load);
    load = await start();
    await run.forward('cleanup');
    await everything();
    const cleaned = await proven(load);
    for (const report of [moved, cleaned]) tell(report);
    expect(moved.retried).toBeGreaterThan(0);
    // COPY without columns, at least, from addColumns on
    expect(moved.named).toBeGreaterThan(0);
    expect(cleaned.named).toBeGreaterThan(0);
    expect(moved.lost + cleaned.lost).toBe(0);
    const steps = (report: Report) => report.stalls.map(({ step }) => step);
    expect(steps(moved)).toEqual(expect.arrayContaining([...stepsForward, ...stepsBack]));
    expect(steps(cleaned)).toEqual(expect.arrayContaining(['dropLegacy', 'buildIndexes', 'analyzeTables']));
    // the goals are 200 ms and, at a cutover, 500 ms, see docs/live-clients.md: here three other tests run on the same cores
    expect([...moved.stalls, ...cleaned.stalls].filter(({ ms }) => ms > 1_500)).toEqual([]);
  }, 240_000);

  /** Upserts of six clients on the same new values, as many as there can be: two must insert within a fraction of a millisecond. */
  const upsertsWhileItWaits = async (twins: 'early' | 'late', enough: () => boolean): Promise<Report> => {
    run = new LocalRun(world.connection, clientPlan({ twins }).replace(/^.*phase: stock.*\n/m, ''));
    await run.forward('foundation');
    await run.forward('clients', 'buildTwins');
    load = await start({ rate: 4_000, twins, groups: ['upsert'] });
    await until('something to wait for among the upserts', enough);
    return proven(load);
  };
  const upserts = operations.filter((one) => one.upserts).map(({ name }) => name);
  const sumOf = (names: string[]) => names.reduce((sum, name) => sum + (load?.done()[name] ?? 0), 0);

  it('who upsert on what has a unique twin beside it are refused by that twin and by nothing else, and what was acknowledged counts', async () => {
    const refused = () => sumOf(upserts.map((name) => name + byTwin));
    const report = await upsertsWhileItWaits('early', () => refused() > 0);
    figure(
      'clients of the shop: upserts refused by a unique twin, twins: early',
      report.refusedByTwin,
      'operations',
    );
    figure('clients of the shop: upserts, twins: early', sumOf(upserts), 'operations');
    expect(report.refusedByTwin).toBeGreaterThan(0);
  }, 120_000);

  it('who upsert are refused by nothing while a phase with twins: late waits for its approval', async () => {
    const report = await upsertsWhileItWaits('late', () => sumOf(upserts) > 6_000);
    figure(
      'clients of the shop: upserts refused by a unique twin, twins: late',
      report.refusedByTwin,
      'operations',
    );
    expect(report.refusedByTwin).toBe(0);
  }, 120_000);

  it('who upsert, take away and make again what stood before the cutover are refused by nothing after it, nor after the way back', async () => {
    run = new LocalRun(world.connection, clientPlan().replace(/^.*phase: stock.*\n/m, ''));
    await run.forward('foundation');
    await run.forward('clients');
    load = await start({ rate: 4_000, groups: ['upsert'] });
    await until('something to do after the cutover', () => sumOf(upserts) > 4_000);
    await proven(load);
    await run.back('clients');
    load = await start({ rate: 4_000, groups: ['upsert'] });
    await until('something to do after the way back', () => sumOf(upserts) > 3_000);
    expect((await proven(load)).refusedByTwin).toBe(0);
  }, 120_000);
});
