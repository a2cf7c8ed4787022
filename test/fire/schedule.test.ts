import { phaseSchedule, phaseStories } from '../../chaos/phase-story.js';
import { backSteps, faultNames } from '../../chaos/schedule.js';
import { wholeSchedule } from '../../chaos/whole-story.js';

const phases = ['foundation', 'one', 'two', 'cleanup'];
const seeds = Array.from({ length: 500 }, (_, at) => at + 1);

describe('What a round of chaos does', () => {
  test('depends on its seed alone, so that a failed one can be had again', () => {
    for (const seed of [1, 77]) {
      expect(phaseSchedule(seed, 'one', true)).toEqual(phaseSchedule(seed, 'one', true));
      expect(wholeSchedule(seed, phases)).toEqual(wholeSchedule(seed, phases));
    }
  });

  test('comes to every story, every fault and every step over 500 seeds', () => {
    const rounds = seeds.map((seed) => phaseSchedule(seed, 'one', true));
    expect(new Set(rounds.map(({ story }) => story)).size).toBe(phaseStories.length);
    const strikes = rounds.flatMap((round) => round.strikes);
    expect(new Set(strikes.map(({ fault }) => fault)).size).toBe(faultNames.length);
    const aimed = new Set(strikes.flatMap(({ at }) => ('step' in at ? [at.step] : [])));
    for (const step of [...backSteps, 'swapKeys', 'dropLegacy']) expect(aimed).toContain(step);
    const ends = seeds.map((seed) => wholeSchedule(seed, phases).story);
    expect(new Set(ends.map(({ end, interruption }) => `${interruption}, ${end}`)).size).toBe(15);
  });

  test('leaves cleanup out where other phases come before it', () => {
    const stories = seeds.map((seed) => phaseSchedule(seed, 'one', false).story);
    expect(stories).not.toContain('cleaned-up');
  });

  test('with --minutes is a network cut for one minute to two and a half, to both servers, in every story', () => {
    const rounds = seeds.map((seed) => phaseSchedule(seed, 'one', true, true));
    expect(new Set(rounds.map(({ story }) => story)).size).toBe(phaseStories.length);
    const strikes = rounds.flatMap((round) => round.strikes);
    expect([...new Set(strikes.map(({ fault }) => fault))].sort()).toEqual([
      'postgres silent',
      'postgres unreachable',
      'temporal silent',
      'temporal unreachable',
    ]);
    for (const { forMs } of strikes) {
      expect(forMs).toBeGreaterThanOrEqual(60_000);
      expect(forMs).toBeLessThanOrEqual(150_000);
    }
  });
});
