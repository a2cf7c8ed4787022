import type { Session } from './session.js';

export interface ProbeRow {
  phase: string;
  probe: string;
  /** when it was measured, as 'baseline' or 'after-swap' */
  moment: string;
  runs: number;
  medianMs: number;
  p95Ms: number;
}

/** Keeps the newest measurement of each moment. */
export async function writeProbe(session: Session, probe: ProbeRow): Promise<void> {
  await session.query(
    `insert into rekey.probe (phase, probe, moment, runs, median_ms, p95_ms) values ($1, $2, $3, $4, $5, $6)
     on conflict (phase, probe, moment) do update
       set runs = excluded.runs, median_ms = excluded.median_ms, p95_ms = excluded.p95_ms,
         at = pg_catalog.clock_timestamp()`,
    [probe.phase, probe.probe, probe.moment, probe.runs, probe.medianMs, probe.p95Ms],
  );
}

/** Of one phase, or of all. */
export async function readProbes(session: Session, phase: string | null = null): Promise<ProbeRow[]> {
  return session.query<ProbeRow>(
    `select phase, probe, moment, runs, median_ms as "medianMs", p95_ms as "p95Ms" from rekey.probe
     where $1::text is null or phase = $1 order by phase, probe, moment`,
    [phase],
  );
}
