import type { Load, Timing } from './load.js';
import type { Verdict } from './verify.js';

/** Times are ms since the epoch. */
export interface Span {
  from: number;
  to: number;
}

/** What one side needed for one size of the database. Durations in ms unless said. */
export interface Measured {
  side: 'by hand' | 'Rekey';
  rows: number;
  /** from the first change to the last, the cutover included */
  seconds: number;
  logBytes: number;
  /** how long the locks of the cutover were held, and waited for */
  cutoverMs: number;
  swapBackMs: number | null;
  longestStallMs: number;
  longestStallAtCutoverMs: number;
  longestStallAtSwapBackMs: number | null;
  operations: number;
  retried: number;
  failed: number;
  failures: string[];
  verdict: Verdict;
  afterSwapBack: Verdict | null;
  /** rows that `map` filled, a second of wall clock */
  mapRowsPerSecond: number | null;
  /** seconds by part, in order */
  parts: { part: string; seconds: number }[];
}

/** The longest time of an operation that had to do with one of the spans, or with none of them. */
export function longest(timings: readonly Timing[], spans: readonly Span[], inside: boolean): number {
  let most = 0;
  for (const { scheduled, ended } of timings) {
    const touches = spans.some((span) => scheduled <= span.to && ended >= span.from);
    if (touches === inside) most = Math.max(most, ended - scheduled);
  }
  return most;
}

/** Every error once, with how often it came. */
export function kindsOfFailure(load: Load): string[] {
  const kinds = new Map<string, number>();
  for (const { operation, code, message } of load.failures) {
    const kind = `${operation}: ${code} ${message}`.replaceAll(/\d{2,}|[0-9a-f-]{36}/g, '…');
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, n]) => `${n} x ${kind}`);
}

/** The value that this part of them does not exceed; 0.5 is the median. NaN of none. */
export function fraction(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
