import { join } from 'node:path';
import { Play, type Played } from '../../chaos/play.js';
import { Stage } from '../../chaos/stage.js';
import { testappSetting } from '../../chaos/testapp-setting.js';
import { figure } from '../figures.js';
import { bundle } from '../workflows/harness.js';

/** The short form of `npm run chaos`: the same rounds, five of them. */
describe('Whatever is killed or cut at any moment, forward and back', () => {
  let stage: Stage;
  let close: () => Promise<void>;
  const rounds: Played[] = [];

  beforeAll(async () => {
    const { setting, close: end } = await testappSetting('leaf-tables', 1_000);
    close = end;
    stage = await Stage.set({ root: join(__dirname, '../..'), bundle: (await bundle()).code });
    const play = await Play.of(stage, setting, () => undefined);
    for (const seed of [101, 102, 103, 104, 105]) rounds.push(await play.round(seed));
  }, 600_000);

  afterAll(async () => {
    await stage?.strike();
    await close?.();
  }, 60_000);

  test('every round ends where its story leads, with every acknowledged write and the bytes of the schema', () => {
    const broken = rounds.filter(({ complaints }) => complaints.length > 0);
    expect(broken.map(({ seed, story, complaints }) => ({ seed, story, complaints }))).toEqual([]);
    figure('rounds of chaos that held', rounds.length, 'rounds');
    figure(
      'client operations in a round of chaos',
      Math.max(...rounds.map((r) => r.operations)),
      'operations',
    );
  });

  test('faults did strike', () => {
    expect(rounds.reduce((sum, { struck }) => sum + struck, 0)).toBeGreaterThanOrEqual(3);
  });
});
