import { setTimeout as sleep } from 'node:timers/promises';
import { startClients } from '../../examples/testapp/clients/clients.js';
import { checkAcknowledged, type Ledger } from '../../examples/testapp/clients/ledger.js';
import { type KnownReference, knownReferences, referenceDigests } from '../../examples/testapp/references.js';
import { testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';
import {
  type ReferenceDatabase,
  referenceDatabase,
  referencePlan,
  tableDigests,
} from './reference-database.js';

describe.each(testVersions())('The reference plan below Temporal, on PostgreSQL %i', (version) => {
  let database: ReferenceDatabase;
  let run: LocalRun;
  let references: KnownReference[] = [];
  const dumps = new Map<string, string>();

  beforeAll(async () => {
    database = await referenceDatabase(version, 2_000);
    run = new LocalRun(database.connection, referencePlan());
  }, 120_000);

  afterAll(async () => {
    run.end();
    await database.drop();
  });

  /** The application's roles write for a moment; what was acknowledged is in the ledger. */
  async function write(seed: number): Promise<Ledger> {
    const { app: url, tenant: tenantUrl } = database;
    const live = await startClients({ url, tenantUrl, rate: 120, connections: 3, seed });
    await sleep(1_200);
    const report = await live.stop();
    expect(report.failures).toEqual([]);
    expect(report.operations).toBeGreaterThan(30);
    return live.ledger;
  }

  async function expectKept(ledger: Ledger): Promise<void> {
    const check = await checkAcknowledged(database.superuserClient, ledger);
    expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
  }

  it('goes forward phase by phase, each one undone before its cutover first, and leaves every reference as it was', async () => {
    const { superuserClient: client } = database;
    const known = await knownReferences(client);
    await run.forward('foundation');
    for (const phase of run.tablePhases) {
      const dump = await database.dump();
      dumps.set(phase, dump);
      const rows = await tableDigests(client);
      const references = await referenceDigests(client, known);

      // what differs between versions is the cutover and its way back: one version is enough for the way back before it
      if (version === testVersions()[0]) {
        await run.forward(phase, 'buildTwins');
        await run.back(phase);
        expect(await database.dump()).toBe(dump);
        expect(await tableDigests(client)).toEqual(rows);
      }

      await run.forward(phase);
      expect(await referenceDigests(client, known)).toEqual(references);
    }
    references = known;
  }, 300_000);

  it('goes back phase by phase with all that was written since, and each dump is the same, byte for byte', async () => {
    const { superuserClient: client } = database;
    const ledger = await write(1);
    const written = await referenceDigests(client, references);
    for (const phase of run.tablePhases.reverse()) {
      await run.back(phase);
      expect(await database.dump()).toBe(dumps.get(phase));
      expect(await referenceDigests(client, references)).toEqual(written);
      await expectKept(ledger);
    }
    // and forward once more with the same keys: what was written since included
    const [first] = run.tablePhases;
    await run.forward(first as string);
    expect(await referenceDigests(client, references)).toEqual(written);
    await expectKept(ledger);
  }, 300_000);
});
