import { Base } from './base.js';
import { describePhaseStory, phaseSchedule, tellPhase } from './phase-story.js';
import { playRound, type RoundResult, type World } from './round.js';
import { describeSchedule, type Schedule } from './schedule.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';
import { describeWholeStory, tellWhole, wholeSchedule } from './whole-story.js';

export interface Played extends RoundResult {
  seed: number;
  /** what the operator did and what struck, on one line */
  story: string;
}

/** Rounds on one stage, one after the other. */
export class Play {
  private constructor(
    private readonly stage: Stage,
    private readonly setting: Setting,
    private readonly base: Base,
    private readonly say: (text: string) => void,
  ) {}

  static async of(stage: Stage, setting: Setting, say: (text: string) => void): Promise<Play> {
    return new Play(stage, setting, await Base.lay(stage, setting, say), say);
  }

  round(seed: number): Promise<Played> {
    const { phase, phases } = this.setting;
    if (phase === null) {
      const schedule = wholeSchedule(seed, phases);
      return this.play(schedule, describeWholeStory(schedule), (world) => tellWhole(world, schedule));
    }
    const schedule = phaseSchedule(seed, phase, phases.at(-2) === phase, this.setting.minutes);
    return this.play(schedule, describePhaseStory(schedule), (world) => tellPhase(world, schedule));
  }

  private async play(
    schedule: Schedule,
    told: string,
    tell: (world: World) => ReturnType<typeof tellPhase>,
  ): Promise<Played> {
    const { stage, setting, base, say } = this;
    const story = `${told}; ${describeSchedule(schedule)}`;
    say(`seed ${schedule.seed}: ${story}`);
    // ten times what it takes on a machine with nothing else to do: rounds run beside other work
    const patience = setting.phase === null || setting.minutes ? 1_800_000 : 600_000;
    const result = await playRound({ stage, setting, base, schedule, tell, say, patience });
    return { ...result, seed: schedule.seed, story };
  }
}
