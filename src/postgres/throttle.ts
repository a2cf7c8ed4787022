/**
 * When the work on live tables must hold: a pure decision over signals that `signals.ts` reads. A signal that can't be
 * read holds the work, unless the plan has switched it off.
 */

/** ms, or why it can't be read */
export type Signal = number | { unreadable: string };

/** What keeps the most WAL from being recycled, with how many bytes; `by` is the subject of a sentence. */
export type WalKept = { by: string; bytes: number } | { unreadable: string };

export interface Signals {
  paused: boolean;
  replicaLag: Signal;
  oldestTransaction: Signal;
  /** null: nothing keeps any, or nobody asks */
  walKept?: WalKept | null;
  /** bytes; left out where nobody asks */
  freeDisk?: Signal;
}

/** ms and bytes; null or left out: switched off by the plan */
export interface ThrottleLimits {
  replicaLag: number | null;
  oldestTransaction: number | null;
  /** at most */
  walKept?: number;
  /** at least */
  freeDisk?: number;
}

/** Why the work holds, in words for an operator; null where it may go on. */
export function heldBy(signals: Signals, limits: ThrottleLimits): string | null {
  if (signals.paused) return 'paused by an operator';
  return (
    above('replication lag', signals.replicaLag, limits.replicaLag) ??
    above('the oldest transaction of other clients', signals.oldestTransaction, limits.oldestTransaction) ??
    aboveKept(signals.walKept ?? null, limits.walKept) ??
    below(signals.freeDisk, limits.freeDisk)
  );
}

function aboveKept(kept: WalKept | null, limit: number | undefined): string | null {
  if (limit === undefined || kept === null) return null;
  if ('unreadable' in kept) return `the WAL that is kept can't be read: ${kept.unreadable}`;
  if (kept.bytes <= limit) return null;
  return `${kept.by} keeps ${gigabytes(kept.bytes)} of WAL, the limit ${gigabytes(limit)}`;
}

function below(free: Signal | undefined, limit: number | undefined): string | null {
  if (limit === undefined || free === undefined) return null;
  if (typeof free !== 'number') return `the free disk of the server can't be read: ${free.unreadable}`;
  if (free >= limit) return null;
  return `${gigabytes(free)} are free on the server's disk, the limit ${gigabytes(limit)}`;
}

function gigabytes(bytes: number): string {
  return bytes < 1024 ** 3 ? `${Math.round(bytes / 1024 ** 2)} MB` : `${(bytes / 1024 ** 3).toFixed(1)} GB`;
}

function above(name: string, signal: Signal, limit: number | null): string | null {
  if (limit === null) return null;
  if (typeof signal !== 'number') return `${name} can't be read: ${signal.unreadable}`;
  if (signal <= limit) return null;
  return `${name} is ${seconds(signal)}, the limit ${seconds(limit)}`;
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

/**
 * How far a standby is behind, in time. pg_stat_replication's replay_lag stands still while replay does, so we remember
 * where the log stood when: the lag is the age of the newest position that the standby has reached.
 */
export class LagClock {
  private samples: { at: number; written: number }[] = [];

  /** Positions are bytes since 0/0, `now` is ms; answers in ms. */
  observe(now: number, written: number, replayed: number): number {
    this.samples.push({ at: now, written });
    // what comes before the newest position reached will not be asked for again
    while (this.samples.length > 1 && (this.samples[1] as { written: number }).written <= replayed)
      this.samples.shift();
    const reached = this.samples[0] as { at: number; written: number };
    if (replayed >= written) return 0;
    return now - reached.at;
  }
}
