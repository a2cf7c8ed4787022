import { between, oneOf, type Random, seeded } from './random.js';

/** What the operator does in a round. */
export const stories = [
  'kept',
  'rejected',
  'swapped-back',
  'cancelled',
  'rolled-back-later',
  'terminated',
  'undone',
  'cleaned-up',
] as const;
export type Story = (typeof stories)[number];

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

/** Either some time after the beginning, or some time after a session for this step was seen in the database. */
export type Moment = { afterMs: number } | { step: string; plusMs: number };

export interface Strike {
  fault: FaultName;
  at: Moment;
  /** until what is gone comes back, ms */
  forMs: number;
}

export interface Schedule {
  seed: number;
  story: Story;
  strikes: Strike[];
  /** when the story's own interruption comes: the cancel, the terminate */
  turn: Moment;
  /** by how much the clock of each worker is wrong, ms */
  clocks: number[];
}

const forwardSteps = ['preflight', 'addColumns', 'map', 'buildTwins', 'validate', 'swapKeys'];
const backSteps = ['swapKeysBack', 'dropTwins', 'unmap', 'dropColumns'];
const cleanupSteps = ['dropLegacy', 'buildIndexes', 'archiveMapping'];

/**
 * What happens in the round of this seed: pure, so that a failed round can be had again. `spanMs` is about what a
 * round takes without disturbance, `most` how many faults there may be.
 */
export function scheduleOf(seed: number, spanMs: number, most: number): Schedule {
  const random = seeded(Math.imul(seed, 0x9e3779b1));
  const story = oneOf(random, stories);
  const steps = stepsOf(story);
  const strikes = Array.from({ length: between(random, 1, most) }, () => strike(random, steps, spanMs));
  const turnSteps = story === 'cancelled' || story === 'terminated' ? forwardSteps : steps;
  return {
    seed,
    story,
    strikes,
    turn: moment(random, turnSteps, spanMs),
    clocks: [0, 1].map(() => (random() < 0.2 ? between(random, -86_400_000, 86_400_000) : 0)),
  };
}

/** The steps that this story comes through: a fault that is aimed at another one would never strike. */
function stepsOf(story: Story): string[] {
  if (story === 'kept') return forwardSteps;
  if (story === 'cleaned-up') return [...forwardSteps, ...cleanupSteps];
  if (story === 'rejected') return [...forwardSteps.slice(0, -1), ...backSteps];
  return [...forwardSteps, ...backSteps];
}

function strike(random: Random, steps: string[], spanMs: number): Strike {
  const fault = oneOf(random, faultNames);
  // longer than a heartbeat's timeout, so that its successor is at work when it wakes up
  const forMs = fault === 'worker frozen' ? between(random, 10_500, 13_000) : between(random, 50, 2_500);
  return { fault, at: moment(random, steps, spanMs), forMs };
}

/** Two of three are aimed at a step: the short ones, where it matters most, are hardly ever hit by chance. */
function moment(random: Random, steps: string[], spanMs: number): Moment {
  return random() < 0.67
    ? { step: oneOf(random, steps), plusMs: between(random, 0, 150) }
    : { afterMs: between(random, 0, spanMs) };
}

/** One line for a log and for the file of results. */
export function describeSchedule({ story, strikes, turn, clocks }: Schedule): string {
  const parts = strikes.map(({ fault, at, forMs }) => `${fault} ${describeMoment(at)} for ${forMs} ms`);
  if (story === 'cancelled' || story === 'terminated' || story === 'undone')
    parts.push(`${story} ${describeMoment(turn)}`);
  const wrong = clocks.filter((by) => by !== 0).map((by) => `a clock ${Math.round(by / 1000)} s wrong`);
  return [...parts, ...wrong].join('; ');
}

function describeMoment(at: Moment): string {
  return 'step' in at ? `${at.plusMs} ms into ${at.step}` : `at ${at.afterMs} ms`;
}
