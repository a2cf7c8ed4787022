import { CancellationScope, condition, patched } from '@temporalio/workflow';

/**
 * Signals from one workflow to another, handed over in the order in which they were sent. Temporal's server delivers
 * those that wait side by side in any order: a `resume` has overtaken its `pause`, and the phase stayed paused; of two
 * tellings of a phase the older one would be what its migration shows from then on. So each waits until the one before
 * it has been delivered, or could not be.
 */
export class SignalLine {
  private underWay = 0;
  private readonly waiting: (() => Promise<void>)[] = [];

  /** `deliver` has to settle once the signal is delivered or can't be, and never to throw. */
  send(deliver: () => Promise<void>): void {
    // histories from before this line sent at once; one signal alone needs no marker in the history
    if (this.underWay > 0 && patched('signals-in-order')) this.waiting.push(deliver);
    else void this.go(deliver);
  }

  /** What still waits is out of date by this one, and is not sent any more. */
  sendInstead(deliver: () => Promise<void>): void {
    this.waiting.length = 0;
    this.send(deliver);
  }

  /** Until none waits for another: a workflow that ends takes those that do with it. */
  async sent(): Promise<void> {
    await CancellationScope.nonCancellable(() => condition(() => this.waiting.length === 0));
  }

  private async go(deliver: () => Promise<void>): Promise<void> {
    this.underWay += 1;
    await CancellationScope.nonCancellable(deliver);
    this.underWay -= 1;
    const next = this.underWay === 0 ? this.waiting.shift() : undefined;
    if (next) void this.go(next);
  }
}
