import type { Session } from '../postgres/session.js';

/** What a phase took, by the journal. Times in ms unless they say seconds. */
export interface PhaseMetrics {
  statements: number;
  rows: number;
  tries: number;
  /** the longest time for which one transaction held its locks, with the wait before it */
  longestLockMs: number;
  longestLockStep: string | null;
  /** the longest that a client was seen to wait behind a batch of rows, in ms; null where none was */
  longestStallMs: number | null;
  seconds: number;
  steps: StepMetrics[];
}

export interface StepMetrics {
  step: string;
  statements: number;
  /** of statements that ran to their end, added up; ranges of `map` run side by side */
  statementSeconds: number;
  /** from its first entry in the journal to its last */
  seconds: number;
  longestLockMs: number;
  failures: number;
}

/** A phase that was rolled back and begun again is told of from then on. */
const sinceItBegan =
  'j.at >= coalesce((select p.started_at from rekey.phase p where p.phase = j.phase), j.at)';

/** Figures of one phase, or of all (null): for status, the demo and the result of a phase. Reads rekey.journal and rekey.cursor. */
export async function metricsOf(session: Session, phase: string | null): Promise<PhaseMetrics> {
  const steps = await session.query<StepMetrics & { first: Date; tries: number }>(
    `select step, count(*) filter (where kind = 'statement')::float8 as statements,
       coalesce(sum(duration_ms) filter (where kind = 'statement'), 0) / 1000 as "statementSeconds",
       extract(epoch from max(at) - min(at))::float8 as seconds,
       coalesce(max(duration_ms + coalesce(lock_wait_ms, 0)) filter (where kind = 'locks'), 0) as "longestLockMs",
       count(*) filter (where kind = 'failure')::float8 as failures, min(at) as first,
       coalesce(max((detail->>'tries')::float8) filter (where kind = 'locks'), 0) as tries
     from rekey.journal j where step is not null and ($1::text is null or phase = $1) and ${sinceItBegan}
     group by step order by min(id)`,
    [phase],
  );
  const { rows, seconds } = await session.one<{ rows: number; seconds: number }>(
    `select (select coalesce(sum(rows_done), 0)::float8 from rekey.cursor where $1::text is null or phase = $1) as rows,
       (select coalesce(extract(epoch from max(at) - min(at)), 0)::float8 from rekey.journal j
         where ($1::text is null or phase = $1) and ${sinceItBegan}) as seconds`,
    [phase],
  );
  const { stall } = await session.one<{ stall: number | null }>(
    `select max((detail->>'clientWaitedMs')::float8) as stall from rekey.journal j
     where kind = 'note' and ($1::text is null or phase = $1) and ${sinceItBegan}`,
    [phase],
  );
  const longest = steps.toSorted((a, b) => b.longestLockMs - a.longestLockMs)[0];
  return {
    statements: steps.reduce((n, s) => n + s.statements, 0),
    rows,
    tries: Math.max(0, ...steps.map((s) => s.tries)),
    longestLockMs: longest?.longestLockMs ?? 0,
    longestLockStep: longest && longest.longestLockMs > 0 ? longest.step : null,
    longestStallMs: stall,
    seconds,
    steps: steps.map(({ first, tries, ...step }) => step),
  };
}
