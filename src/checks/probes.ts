import type { Plan, Probe } from '../plan/model.js';
import type { Database } from './database.js';
import { readOnly } from './read-only.js';

export interface ProbeTimes {
  probe: string;
  runs: number;
  medianMs: number;
  p95Ms: number;
}

export interface ProbeVerdict {
  probe: string;
  beforeMs: number;
  afterMs: number;
  /** after / before */
  ratio: number;
  verdict: 'success' | 'slower' | 'rollback';
}

/** `baseline`: by foundation, for all phases; `before-swap`: by the phase itself, newer and therefore preferred. */
export type ProbeMoment = 'baseline' | 'before-swap' | 'after-swap' | 'after-rollback' | 'after-drop';

/** Parameter sets taken from a probe's `with` query. */
const parameterSets = 50;
const rounds = 5;
/** A probe with few parameter sets is run more often, so that its median means something. */
const leastRuns = 21;
/** ms: no further round begins after it */
const patience = 20_000;
/**
 * ms. A difference below it never counts, whatever the ratio: measured from outside, a query of 0.2 ms varies by as much
 * with the scheduler of a busy machine, and nobody notices it.
 */
export const noticeable = 0.5;

/**
 * Times a probe as its caller sees it (round trips included; the same before and after), in a read-only transaction, after a
 * round that is not counted. Of each set of parameters the quickest run counts, as what a busy machine adds to the others
 * is no property of the query; median and p95 are over the sets. `timeout`: ms for each run. Throws BadInput `check.sql`;
 * Transient where a run takes too long.
 */
export async function measureProbe(
  database: Database,
  probe: Probe,
  timeout = 60_000,
  heartbeat: () => void = () => undefined,
): Promise<ProbeTimes> {
  const { runs, times } = await readOnly(database, `probe "${probe.probe}"`, timeout, async () => {
    const sets = await parameters(database, probe);
    const best = new Map<number, number>();
    const began = performance.now();
    const wanted = Math.max(rounds, Math.ceil(leastRuns / sets.length));
    let runs = 0;
    for (let round = 0; round <= wanted; round++) {
      for (const [i, set] of sets.entries()) {
        heartbeat();
        const start = performance.now();
        await database.query(probe.sql, set.length ? set : undefined);
        if (round === 0) continue;
        best.set(i, Math.min(best.get(i) ?? Number.POSITIVE_INFINITY, performance.now() - start));
        runs += 1;
      }
      if (round > 0 && performance.now() - began > patience) break;
    }
    return { runs, times: [...best.values()].sort((a, b) => a - b) };
  });
  return {
    probe: probe.probe,
    runs,
    medianMs: rounded(quantile(times, 0.5)),
    p95Ms: rounded(quantile(times, 0.95)),
  };
}

/** One list of values a row of the `with` query; without one a single empty list. */
async function parameters(database: Database, probe: Probe): Promise<unknown[][]> {
  const used = Math.max(0, ...[...probe.sql.matchAll(/\$(\d+)/g)].map((m) => Number(m[1])));
  if (used === 0 || probe.with === null) return [[]];
  const rows = await database.query<Record<string, unknown>>(
    `select * from (\n${probe.with.trim().replace(/;$/, '')}\n) as answer limit ${parameterSets}`,
  );
  // an empty table: the plan of the query is still to be had
  if (rows.length === 0) return [Array.from({ length: used }, () => null)];
  return rows.map((row) => Object.values(row).slice(0, used));
}

/** Keeps what was measured; a second measurement of the same moment takes the place of the first. */
export async function storeProbe(
  database: Database,
  phase: string,
  moment: ProbeMoment,
  times: ProbeTimes,
): Promise<void> {
  await database.query(
    `insert into rekey.probe (phase, probe, moment, runs, median_ms, p95_ms) values ($1, $2, $3, $4, $5, $6)
     on conflict (phase, probe, moment) do update set runs = excluded.runs, median_ms = excluded.median_ms,
       p95_ms = excluded.p95_ms, at = pg_catalog.clock_timestamp()`,
    [phase, times.probe, moment, times.runs, times.medianMs, times.p95Ms],
  );
}

/** What a phase's probes are compared with, by name. A probe that was never measured is not in it. */
export async function storedProbes(database: Database, phase: string): Promise<Map<string, ProbeTimes>> {
  const rows = await database.query<ProbeTimes>(
    `select distinct on (probe) probe, runs, median_ms as "medianMs", p95_ms as "p95Ms" from rekey.probe
     where phase = $1 and moment in ('baseline', 'before-swap') order by probe, moment = 'before-swap' desc`,
    [phase],
  );
  return new Map(rows.map((row) => [row.probe, row]));
}

/** By the median; limits are shares (0.1 is 10 %). Pure. */
export function compareProbe(before: ProbeTimes, after: ProbeTimes, limits: Plan['probes']): ProbeVerdict {
  const ratio = before.medianMs > 0 ? after.medianMs / before.medianMs : 1;
  const slower = ratio - 1;
  const tiny = after.medianMs - before.medianMs < noticeable;
  const verdict =
    tiny || slower <= limits.success ? 'success' : slower > limits.rollback ? 'rollback' : 'slower';
  return {
    probe: after.probe,
    beforeMs: before.medianMs,
    afterMs: after.medianMs,
    ratio: Math.round(ratio * 1000) / 1000,
    verdict,
  };
}

function quantile(sorted: number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
