import { join } from 'node:path';
import { Play, type Played } from '../../chaos/play.js';
import { shopSetting } from '../../chaos/shop-setting.js';
import { Stage } from '../../chaos/stage.js';
import { figure } from '../figures.js';
import { bundle } from '../workflows/harness.js';

/** The short form of `npm run chaos`: the same rounds, five of them. */
describe('Whatever is killed or cut at any moment, forward and back', () => {
  let stage: Stage;
  const rounds: Played[] = [];

  beforeAll(async () => {
    stage = await Stage.set({ root: join(__dirname, '../..'), bundle: (await bundle()).code });
    const play = await Play.of(stage, shopSetting('clients'), () => undefined);
    for (const seed of [2, 5, 25, 34, 55]) rounds.push(await play.round(seed));
  }, 600_000);

  afterAll(async () => {
    await stage?.strike();
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
