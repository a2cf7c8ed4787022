/**
 * When the work on live tables must hold: a pure decision over signals that `signals.ts` reads. A signal that can't be
 * read holds the work, unless the plan has switched it off.
 */

/** ms, or why it can't be read */
export type Signal = number | { unreadable: string };

export interface Signals {
  paused: boolean;
  replicaLag: Signal;
  oldestTransaction: Signal;
}

/** ms; null: switched off by the plan */
export interface ThrottleLimits {
  replicaLag: number | null;
  oldestTransaction: number | null;
}

/** Why the work holds, in words for an operator; null where it may go on. */
export function heldBy(signals: Signals, limits: ThrottleLimits): string | null {
  if (signals.paused) return 'paused by an operator';
  return (
    above('replication lag', signals.replicaLag, limits.replicaLag) ??
    above('the oldest transaction of other clients', signals.oldestTransaction, limits.oldestTransaction)
  );
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
