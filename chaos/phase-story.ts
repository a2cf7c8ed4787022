import { Final } from './patience.js';
import { oneOf } from './random.js';
import type { Ending, World } from './round.js';
import {
  backSteps,
  cleanupSteps,
  clocksOf,
  cutsOf,
  describeMoment,
  forwardSteps,
  momentOf,
  numbersOf,
  type Places,
  type Schedule,
  strikesOf,
} from './schedule.js';

/** What the operator does with one phase. */
export const phaseStories = [
  'kept',
  'rejected',
  'swapped-back',
  'cancelled',
  'rolled-back-later',
  'terminated',
  'undone',
  'cleaned-up',
] as const;
export type PhaseStory = (typeof phaseStories)[number];

/** Pure. `last`: whether cleanup comes next, so that it can be part of the story. `minutes`: cuts of minutes only. */
export function phaseSchedule(
  seed: number,
  phase: string,
  last: boolean,
  minutes = false,
): Schedule<PhaseStory> {
  const random = numbersOf(seed);
  const drawn = oneOf(random, phaseStories);
  const story = drawn === 'cleaned-up' && !last ? 'kept' : drawn;
  const places: Places = {
    phases: [phase, ...(story === 'cleaned-up' ? ['cleanup'] : [])],
    steps: stepsOf(story),
    spanMs: 8_000,
  };
  const early = ['cancelled', 'terminated', 'undone'].includes(story);
  return {
    seed,
    story,
    strikes: minutes ? cutsOf(random, places) : strikesOf(random, places, 1 + Math.floor(random() * 4)),
    turn: momentOf(random, early ? { ...places, steps: forwardSteps } : places),
    clocks: clocksOf(random),
  };
}

/** A fault that is aimed at another step would never strike. */
function stepsOf(story: PhaseStory): string[] {
  if (story === 'kept') return forwardSteps;
  if (story === 'cleaned-up') return [...forwardSteps, ...cleanupSteps];
  if (story === 'rejected') return [...forwardSteps.slice(0, -1), ...backSteps];
  return [...forwardSteps, ...backSteps];
}

export function describePhaseStory({ story, turn }: Schedule<PhaseStory>): string {
  const turns = ['cancelled', 'terminated', 'undone'].includes(story);
  return turns ? `${story} ${describeMoment(turn)}` : story;
}

/** Tells the story; answers with the state in which the database must be. */
export async function tellPhase(world: World, schedule: Schedule<PhaseStory>): Promise<Ending> {
  const { id, phase } = world;
  const rejects = { rejected: 'before-swap', 'swapped-back': 'after-swap' }[schedule.story as string];
  const answer = (checkpoint: string) => (checkpoint === rejects ? 'reject' : 'approve');
  const forward = () => world.run('runPhase', id, { phase }, answer);
  switch (schedule.story) {
    case 'kept':
      return world.ended(await forward(), { done: 'kept' });
    case 'rejected':
    case 'swapped-back':
      return world.ended(await forward(), { 'rolled-back': 'before' });
    case 'rolled-back-later': {
      world.ended(await forward(), { done: 'kept' });
      const ending = await world.run('rollBackPhase', `${id}-back`, { phase }, answer);
      return world.ended(ending, { 'rolled-back': 'before' });
    }
    case 'cleaned-up': {
      world.ended(await forward(), { done: 'kept' });
      const ending = await world.run('runPhase', `${id}-cleanup`, { phase: 'cleanup' }, answer);
      return world.ended(ending, { done: 'cleanedUp' });
    }
    case 'cancelled': {
      const cancelled = world.at(schedule.turn, () => world.operator.cancel(id));
      const ending = await forward();
      await cancelled();
      // a cancel that comes too late changes nothing
      return world.ended(ending, { 'rolled-back': 'before', done: 'kept' });
    }
    case 'terminated': {
      const terminated = world.at(schedule.turn, () => world.operator.terminate(id));
      const ending = await forward();
      await terminated();
      // one that was over by then is not disturbed
      if (ending.outcome === 'done') return 'kept';
      if (ending.status !== 'TERMINATED') throw new Final(`it was terminated and is ${ending.status}`);
      const again = await world.run('runPhase', `${id}-again`, { phase }, answer);
      return world.ended(again, { done: 'kept' });
    }
    case 'undone': {
      const terminated = world.at(schedule.turn, () => world.operator.terminate(id));
      await forward();
      await terminated();
      await world.undo('');
      // earlier phases go, too
      return 'untouched';
    }
  }
}
