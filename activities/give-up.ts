import type { RekeyError } from '../src/errors.js';
import type { Session } from '../src/postgres/session.js';

/** Failures that PostgreSQL caused without any progress between them, after which a step parks. */
const failureLimit = 5;

/** ms for which a server that does not answer is waited for before the phase parks. */
function patience(): number {
  return Number(process.env.REKEY_PATIENCE_SECONDS ?? 600) * 1000;
}

/** Whether an error that may pass has been given time enough to pass. Locks not had were tried for long already. */
export function giveUp(error: RekeyError, outage: () => number): boolean {
  if (error.code === 'locks.not-had') return true;
  return /^connection\./.test(error.code) && outage() > patience();
}

/**
 * The remedy of a failure that may pass, once it has been given up: nothing is tried again by itself any more, and
 * whoever reads that would wait for ever. Pure.
 */
export function remedyOnceGivenUp(remedy: string): string {
  const rest = remedy
    .replace(/^Nothing[^:]*: the (step|range) is tried again[^.]*\.\s*/, '')
    .replace(/[;:,] the step is tried again/, '');
  const again = 'It was tried again in vain: mend what keeps it, then resolve with retry.';
  return /\bresolve\b/.test(rest) ? rest : `${rest} ${again}`.trim();
}

/**
 * Counts the failures of a step in the journal since it last made progress. Restarts of workers, pauses and outages
 * leave no failure there, so that they never count.
 */
export async function isExhausted(session: Session, phase: string, step: string): Promise<boolean> {
  const { failures } = await session.one<{ failures: number }>(
    `select pg_catalog.count(*)::int4 as failures from rekey.journal f
     where f.phase = $1 and f.step = $2 and f.kind = 'failure' and coalesce(f.sqlstate, '') !~ '^(08|57P)'
       and f.id > coalesce((select pg_catalog.max(j.id) from rekey.journal j
         where j.phase = $1 and j.step = $2 and (j.kind = 'step' or j.kind = 'statement' and j.duration_ms is not null or j.kind = 'approval')), 0)`,
    [phase, step],
  );
  return failures >= failureLimit;
}
