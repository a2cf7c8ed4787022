import { type Base, layBase } from './base.js';
import { playRound, type RoundResult } from './round.js';
import { describeSchedule, type Schedule, scheduleOf } from './schedule.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';

/** Not what was measured: a seed is the same round on every machine. */
const spanMs = 8_000;

/** Rounds of one phase on one stage, one after the other. */
export class Play {
  private constructor(
    private readonly stage: Stage,
    private readonly setting: Setting,
    private readonly base: Base,
    private readonly say: (text: string) => void,
  ) {}

  static async of(stage: Stage, setting: Setting, say: (text: string) => void): Promise<Play> {
    return new Play(stage, setting, await layBase(stage, setting, say), say);
  }

  /** ms that the phase takes when nobody disturbs it */
  get undisturbedMs(): number {
    return this.base.expectedMs;
  }

  schedule(seed: number): Schedule {
    const last = this.setting.phases.at(-2) === this.setting.phase;
    const schedule = scheduleOf(seed, spanMs, 4);
    // cleanup comes when all phases are done
    return schedule.story === 'cleaned-up' && !last ? { ...schedule, story: 'kept' } : schedule;
  }

  async round(schedule: Schedule): Promise<RoundResult> {
    const { stage, setting, base, say } = this;
    say(`seed ${schedule.seed}: ${schedule.story}; ${describeSchedule(schedule)}`);
    return playRound({ stage, setting, base: base.database, expected: base.expected, schedule, say });
  }
}
