import type { Activities } from '../../activities/contract.js';
import { FakeWorld } from './fake-world.js';

/** One phase among many that one worker runs: its world, and the call in which it hangs for as long as the test wants. */
export interface Spec {
  /** the phase's name, unique among those of one worker */
  phase: string;
  hangs: string;
  brief: FakeWorld['brief'];
  /** what the database says about the cutover, or about cleanup's first drop, once the worker has been killed */
  cutOver?: boolean;
  /** the same, when the worker that is killed begins */
  cutOverBefore?: boolean;
}

/** Many phases at the same time in one worker, each in a world of its own. */
export class Worlds {
  private readonly worlds = new Map<string, FakeWorld>();

  constructor(specs: Spec[]) {
    for (const { phase, brief } of specs) {
      const world = new FakeWorld();
      world.brief = brief;
      this.worlds.set(phase, world);
    }
  }

  of(phase: string): FakeWorld {
    const world = this.worlds.get(phase);
    if (!world) throw new Error(`no world was made for ${phase}`);
    return world;
  }

  /** Each call goes to the world of its phase. */
  activities(): Activities {
    const made = new Map([...this.worlds].map(([phase, world]) => [phase, world.activities()]));
    const names = Object.keys(new FakeWorld().activities()) as (keyof Activities)[];
    const shared = new FakeWorld().activities();
    return Object.fromEntries(
      names.map((name) => [
        name,
        (input: { phase?: string }) =>
          (made.get(input.phase ?? '')?.[name] ?? shared[name])(input as never) as unknown,
      ]),
    ) as unknown as Activities;
  }
}
