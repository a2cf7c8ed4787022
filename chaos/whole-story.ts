import { Final } from './patience.js';
import { between, oneOf } from './random.js';
import type { Ending, World } from './round.js';
import {
  backSteps,
  clocksOf,
  describeMoment,
  forwardSteps,
  momentOf,
  numbersOf,
  type Schedule,
  strikesOf,
} from './schedule.js';

/** What the operator does with a whole migration: how it is interrupted, and where it goes in the end. */
export interface WholeStory {
  interruption: 'none' | 'cancelled' | 'terminated' | 'terminated with its phase' | 'rejected';
  /** the phase whose checkpoint is rejected */
  rejects: { phase: string; checkpoint: 'before-swap' | 'after-swap' };
  end: 'cleaned up' | 'rolled back' | 'undone';
}

/** Pure. */
export function wholeSchedule(seed: number, phases: string[]): Schedule<WholeStory> {
  const random = numbersOf(seed);
  const moved = phases.slice(1, -1);
  const story: WholeStory = {
    interruption: oneOf(random, [
      'none',
      'cancelled',
      'terminated',
      'terminated with its phase',
      'rejected',
    ] as const),
    rejects: {
      phase: oneOf(random, moved),
      checkpoint: oneOf(random, ['before-swap', 'after-swap'] as const),
    },
    end: oneOf(random, ['cleaned up', 'rolled back', 'undone'] as const),
  };
  const places = { phases: moved, steps: [...forwardSteps, ...backSteps], spanMs: 60_000 };
  return {
    seed,
    story,
    strikes: strikesOf(random, places, between(random, 5, 14)),
    turn: momentOf(random, { ...places, steps: forwardSteps }),
    clocks: clocksOf(random),
  };
}

export function describeWholeStory({ story, turn }: Schedule<WholeStory>): string {
  const { interruption, rejects, end } = story;
  const words = {
    none: '',
    rejected: `, rejected at ${rejects.checkpoint} of ${rejects.phase}`,
    cancelled: `, cancelled ${describeMoment(turn)}`,
    terminated: `, terminated ${describeMoment(turn)}`,
    'terminated with its phase': `, terminated with its phase ${describeMoment(turn)}`,
  }[interruption];
  return `${end}${words}`;
}

/** Tells the story; answers with the state in which the database must be. */
export async function tellWhole(world: World, { story, turn }: Schedule<WholeStory>): Promise<Ending> {
  const { id, operator } = world;
  let rejected = story.interruption !== 'rejected';
  const answer = (checkpoint: string, phase: string) => {
    if (checkpoint === 'before-drop') return story.end === 'cleaned up' ? 'approve' : 'reject';
    if (rejected || phase !== story.rejects.phase || checkpoint !== story.rejects.checkpoint)
      return 'approve';
    // once: the second time it goes on
    rejected = true;
    return 'reject';
  };
  const strike = {
    none: null,
    rejected: null,
    cancelled: () => operator.cancel(id),
    terminated: () => operator.terminate(id),
    'terminated with its phase': async () => {
      const phase = world.openPhase();
      await operator.terminate(id);
      await operator.terminate(phase);
    },
  }[story.interruption];
  if (strike) world.at(turn, strike);
  for (let runs = 1; ; runs += 1) {
    const ending = await world.run('runMigration', id, {}, answer);
    if (ending.outcome === 'done' && story.end === 'cleaned up') return 'cleanedUp';
    // what a rejected cleanup ends with: nothing was dropped
    if ((await world.doneButCleanup()) && story.end !== 'cleaned up') break;
    if (ending.status === 'FAILED' || runs === 5)
      throw new Final(`the migration ended ${ending.outcome ?? ending.status}: ${ending.why ?? ''}`);
  }
  if (story.end === 'undone') {
    await world.undo('');
    await world.endLoad();
    await world.undo('--foundation');
  } else {
    for (const phase of world.phases.slice(0, -1).reverse()) {
      if (phase === 'foundation') await world.endLoad();
      const ending = await world.run('rollBackPhase', `${id}/back/${phase}`, { phase }, answer);
      world.ended(ending, { 'rolled-back': 'before' });
    }
  }
  return 'untouched';
}
