/** Latencies in ms, in buckets that are 2% wide: a run of any length takes little memory. */
export class Latencies {
  private readonly buckets = new Map<number, number>();
  private readonly bySecond = new Map<number, { operations: number; maxMs: number }>();
  private readonly slow: { at: number; ms: number; operation: string }[] = [];
  count = 0;
  max = 0;

  /** `at`: when the operation was due, ms since 1970. */
  add(ms: number, at: number, operation: string): void {
    this.count++;
    this.max = Math.max(this.max, ms);
    const bucket = Math.round(Math.log(Math.max(ms, 0.01)) / Math.log(1.02));
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + 1);
    const second = Math.floor(at / 1000);
    const entry = this.bySecond.get(second) ?? { operations: 0, maxMs: 0 };
    entry.operations++;
    entry.maxMs = Math.max(entry.maxMs, ms);
    this.bySecond.set(second, entry);
    if (this.slow.length < 20 || ms > (this.slow.at(-1)?.ms ?? 0)) {
      this.slow.push({ at, ms, operation });
      this.slow.sort((a, b) => b.ms - a.ms);
      this.slow.length = Math.min(this.slow.length, 20);
    }
  }

  /** 0.99: as long as 99% of all took at most, to 2%. */
  percentile(share: number): number {
    let left = this.count * share;
    for (const [bucket, count] of [...this.buckets].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(this.max, 1.02 ** bucket);
    }
    return this.max;
  }

  slowest(): { at: number; ms: number; operation: string }[] {
    return [...this.slow];
  }

  /** One entry a second in which something was due; `at` in ms since 1970. */
  timeline(): { at: number; operations: number; maxMs: number }[] {
    return [...this.bySecond].map(([second, entry]) => ({ at: second * 1000, ...entry }));
  }
}
