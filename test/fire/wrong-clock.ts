const RealDate = Date;
const day = 86_400_000;

/**
 * The clock of this process, to be set wrong: only what asks for the time sees it, timers run as fast as ever. Node's
 * own `performance.now()`, as a machine's monotonic clock, stays right.
 */
export class WrongClock {
  private by = 0;
  private jumping: NodeJS.Timeout | null = null;

  constructor() {
    const by = () => this.by;
    globalThis.Date = class extends RealDate {
      constructor(...given: unknown[]) {
        super(...((given.length === 0 ? [RealDate.now() + by()] : given) as [number]));
      }
      static override now() {
        return RealDate.now() + by();
      }
    } as DateConstructor;
  }

  setWrongBy(ms: number): void {
    this.by = ms;
  }

  /** A day ahead, a day behind and right, every few milliseconds. */
  jump(): void {
    let nth = 0;
    this.jumping = setInterval(() => {
      nth += 1;
      this.by = [day, -day, 0][nth % 3] as number;
    }, 7);
  }

  end(): void {
    if (this.jumping) clearInterval(this.jumping);
    globalThis.Date = RealDate;
  }
}
