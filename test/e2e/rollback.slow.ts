import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startClients } from '../../examples/testapp/clients/clients.js';
import { checkAcknowledged, Ledger } from '../../examples/testapp/clients/ledger.js';
import { keepHistory, leaksOf } from './histories.js';
import { markTexts } from './marker.js';
import { type Picture, rowsLost, rowsNew, takePicture } from './picture.js';
import { withoutBackups, withoutLimits } from './plan-text.js';
import { chapters, Stage } from './stage.js';

const phases = ['leaf-tables', 'users', 'workflow-core', 'attributes', 'dependents'];

describe('Rolling back each phase of the reference plan', () => {
  let stage: Stage;
  const chapter = chapters();
  const before: Record<string, Picture> = {};
  const acknowledged = new Ledger();
  const runs: string[] = [];

  beforeAll(async () => {
    stage = await Stage.set({ rows: 2000, plan: (text) => withoutLimits(withoutBackups(text)) });
    await stage.connected(markTexts);
    stage.worker();
  }, 120_000);

  afterAll(async () => stage?.strike(), 60_000);

  async function begin(phase: string, type = 'runPhase'): Promise<string> {
    const id = `${type}-${phase}`;
    await stage.start(type, id, { phase });
    runs.push(id);
    if (phase === 'users' && type === 'runPhase') await stage.approve(id, 'before');
    return id;
  }

  /** Clients for a moment: what they were told is written goes into the list that is checked after each rollback. */
  async function write(): Promise<void> {
    const clients = await startClients({
      url: stage.testapp.app,
      tenantUrl: stage.testapp.tenant,
      rate: 60,
      connections: 3,
      seed: acknowledged.rows.size,
    });
    await new Promise((done) => setTimeout(done, 1_500));
    expect((await clients.stop()).failures).toEqual([]);
    expect(clients.ledger.rows.size).toBeGreaterThan(20);
    // later clients write some rows of earlier ones once more
    for (const [id, row] of clients.ledger.rows) acknowledged.rows.set(id, row);
  }

  /** The bytes of the dump, every row that was there with all its values, and everything acknowledged since. */
  async function expectBack(picture: Picture, since: 'nothing' | 'more'): Promise<void> {
    const now = await takePicture(stage);
    expect(now.dump).toBe(picture.dump);
    // clients write some configurations over, which the ledger compares by value
    const { configurations = 0, ...lost } = rowsLost(picture, now);
    expect(lost).toEqual({});
    const overwritten = [...acknowledged.rows.values()].filter(
      (row) => row.table === 'configurations',
    ).length;
    expect(configurations).toBeLessThanOrEqual(since === 'nothing' ? 0 : overwritten);
    if (since === 'nothing') expect(rowsNew(picture, now)).toEqual({});
    const check = await stage.connected((client) => checkAcknowledged(client, acknowledged));
    expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
  }

  chapter('foundation is laid', async () => {
    const id = await begin('foundation');
    await stage.approve(id, 'after');
    expect(await stage.result(id)).toMatchObject({ outcome: 'done' });
  });

  for (const phase of phases) {
    chapter(`${phase}, rejected before its cutover, leaves the database as it was`, async () => {
      const picture = await takePicture(stage);
      before[phase] = picture;
      const id = await begin(phase);
      await stage.reject(id, 'before-swap');
      expect(await stage.result(id)).toMatchObject({ outcome: 'rolled-back', phase });
      await expectBack(picture, 'nothing');
      if (phase === 'users') await keepHistory(stage, id, 'rejected-before-swap');
    });

    chapter(
      `${phase}, rejected after its cutover, keeps what was written since, and is the same schema to the byte`,
      async () => {
        const picture = before[phase] as Picture;
        const id = await begin(phase);
        await stage.approve(id, 'before-swap');
        await stage.waiting(id, 'after-swap');
        await write();
        await stage.reject(id, 'after-swap');
        expect(await stage.result(id)).toMatchObject({ outcome: 'rolled-back', phase });
        await expectBack(picture, 'more');
        const own = `select name from rekey.flag where enabled and phase = $1`;
        expect(await stage.sql(own, [phase])).toEqual([]);
        if (phase === 'users') await keepHistory(stage, id, 'rejected-after-swap');
      },
    );

    chapter(`${phase} is done`, async () => {
      before[phase] = await takePicture(stage);
      const id = await begin(phase);
      await stage.approve(id, 'before-swap');
      await stage.approve(id, 'after-swap');
      expect(await stage.result(id)).toMatchObject({ outcome: 'done', phase });
      await write();
    });
  }

  chapter('no phase is rolled back while a later one is done', async () => {
    const id = await begin('users', 'rollBackPhase');
    await expect(stage.workflow('result', id)).rejects.toThrow(/dependents/);
    const { status } = await stage.handle(id).describe();
    expect(status.name).toBe('FAILED');
  });

  for (const phase of [...phases].reverse()) {
    chapter(
      `${phase}, long done, is rolled back: the bytes of before, all rows, those of all later phases included`,
      async () => {
        const id = await begin(phase, 'rollBackPhase');
        expect(await stage.result(id)).toMatchObject({ outcome: 'rolled-back', phase });
        await expectBack(before[phase] as Picture, 'more');
        if (phase === 'attributes') await keepHistory(stage, id, 'roll-back-phase');
      },
    );
  }

  chapter('foundation is rolled back: its journal is exported, the schema rekey gone', async () => {
    const id = await begin('foundation', 'rollBackPhase');
    expect(await stage.result(id)).toMatchObject({ outcome: 'rolled-back', phase: 'foundation' });
    expect(await stage.sql(`select to_regnamespace('rekey') as schema`)).toEqual([{ schema: null }]);
    const folder = join(stage.backups, stage.testapp.database);
    expect(existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('journal-'))).toBe(true);
  });

  chapter('no row stands in any of these histories', async () => {
    for (const id of runs) expect(await leaksOf(stage, id)).toEqual([]);
    expect(stage.workerLog()).not.toContain('failed unexpectedly');
  });
});
