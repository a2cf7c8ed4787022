import type { PauseWhen } from '../src/plan/model.js';
import { writeJournal } from '../src/postgres/journal.js';
import { signalReader } from '../src/postgres/signals.js';
import { heldBy } from '../src/postgres/throttle.js';
import { freeDiskReader } from './free-disk.js';
import type { StepWork } from './phase-work.js';

/** ms between two looks at other sessions, and while the work holds */
const again = 1_000;

/** The throttle of one step: what it looks at is the phase's `pause-when`. */
export class Throttle {
  private readonly signals: ReturnType<typeof signalReader>;
  private asked = Number.NEGATIVE_INFINITY;
  /** why the work has to hold still, in words for an operator; null: it has not */
  held: string | null = null;

  constructor(
    private readonly work: StepWork,
    private readonly limits: PauseWhen,
  ) {
    this.signals = signalReader(work.ref.phase, limits, freeDiskReader(work, limits));
  }

  /** Looks at the signals, unless it just has: other sessions' state is read, and a hook may be asked. */
  async look(): Promise<string | null> {
    if (performance.now() - this.asked < again) return this.held;
    this.held = heldBy(await this.signals(this.work.session), this.limits);
    this.asked = performance.now();
    return this.held;
  }

  /**
   * Comes back when nothing holds the work: before something that can't be held half-way, as building an index can't.
   * The journal says why it holds, so that `status` shows it until the next entry.
   */
  async whileHeld(doing: string): Promise<void> {
    const { work } = this;
    let told = '';
    for (let held = await this.look(); held !== null; held = await this.look()) {
      work.heartbeat({ doing, heldBy: held });
      // seconds and bytes change each time
      const reason = held.replaceAll(/\d+(\.\d+)?/g, '');
      if (reason !== told)
        await writeJournal(work.session, work.scope, { kind: 'note', object: doing, detail: { held } });
      told = reason;
      await work.session.pause(again);
    }
  }
}
