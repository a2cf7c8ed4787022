import { between, oneOf, type Random, seeded } from './random.js';

export const faultNames = [
  'worker killed',
  'worker stopped',
  'all workers killed',
  'worker frozen',
  'backends ended',
  'postgres restarted',
  'postgres shut down at once',
  'postgres killed',
  'temporal killed',
  'postgres unreachable',
  'postgres silent',
  'temporal unreachable',
  'temporal silent',
  'paused',
] as const;
export type FaultName = (typeof faultNames)[number];

/** Either some time after the beginning, or some time after a session of this phase and step was seen in the database. */
export type Moment = { afterMs: number } | { phase: string; step: string; plusMs: number };

export interface Strike {
  fault: FaultName;
  at: Moment;
  /** until what is gone comes back, ms */
  forMs: number;
}

/** What happens in the round of a seed. */
export interface Schedule<Story = unknown> {
  seed: number;
  /** what the operator does */
  story: Story;
  strikes: Strike[];
  /** when the story's own interruption comes: the cancel, the terminate */
  turn: Moment;
  /** by how much the clock of each worker is wrong, ms */
  clocks: number[];
}

/** Where something may strike: steps that the story comes through, in phases that it comes through. */
export interface Places {
  phases: string[];
  steps: string[];
  /** about what a round takes without disturbance, ms; not what was measured, so that a seed is the same everywhere */
  spanMs: number;
}

export const forwardSteps = ['preflight', 'addColumns', 'map', 'buildTwins', 'validate', 'swapKeys'];
export const backSteps = ['swapKeysBack', 'dropTwins', 'unmap', 'dropColumns'];
export const cleanupSteps = ['dropLegacy', 'buildIndexes', 'archiveMapping'];

/** What strikes, for how long (ms), in a round whose outages take minutes. */
const cuts = faultNames.filter((name) => / (unreachable|silent)$/.test(name));

/** Cuts of the network only, one or two: each is longer than all that a step waits for by itself. */
export function cutsOf(random: Random, places: Places): Strike[] {
  return Array.from({ length: between(random, 1, 2) }, () => ({
    fault: oneOf(random, cuts),
    at: momentOf(random, places),
    forMs: between(random, 60_000, 150_000),
  }));
}

/** A seed's numbers; consecutive seeds have nothing in common. */
export function numbersOf(seed: number): Random {
  return seeded(Math.imul(seed, 0x9e3779b1));
}

export function strikesOf(random: Random, places: Places, count: number): Strike[] {
  return Array.from({ length: count }, () => {
    const fault = oneOf(random, faultNames);
    // longer than a heartbeat's timeout, so that its successor is at work when it wakes up
    const forMs = fault === 'worker frozen' ? between(random, 10_500, 13_000) : between(random, 50, 2_500);
    return { fault, at: momentOf(random, places), forMs };
  });
}

/** Two of three are aimed at a step: the short ones, where it matters most, are hardly ever hit by chance. */
export function momentOf(random: Random, { phases, steps, spanMs }: Places): Moment {
  return random() < 0.67
    ? { phase: oneOf(random, phases), step: oneOf(random, steps), plusMs: between(random, 0, 150) }
    : { afterMs: between(random, 0, spanMs) };
}

/** Two workers; one in five has a clock that is up to a day wrong. */
export function clocksOf(random: Random): number[] {
  return [0, 1].map(() => (random() < 0.2 ? between(random, -86_400_000, 86_400_000) : 0));
}

/** One line for a log and for the file of results. */
export function describeSchedule({ strikes, clocks }: Schedule): string {
  const parts = strikes.map(({ fault, at, forMs }) => `${fault} ${describeMoment(at)} for ${forMs} ms`);
  const wrong = clocks.filter((by) => by !== 0).map((by) => `a clock ${Math.round(by / 1000)} s wrong`);
  return [...parts, ...wrong].join('; ');
}

export function describeMoment(at: Moment): string {
  return 'step' in at ? `${at.plusMs} ms into ${at.step} of ${at.phase}` : `at ${at.afterMs} ms`;
}
