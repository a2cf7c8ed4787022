import type { RekeyError } from '../src/errors.js';
import type { JournalScope } from '../src/postgres/journal.js';
import type { Session } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';

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
 * Counts the failures of a step in the journal since this run last made progress: since the step ended, a batch moved a
 * cursor, or a statement was through that had not been before. What every try runs again is none. A step that parked
 * is tried again only because somebody says so, and has all its tries anew. Restarts of workers, pauses and outages
 * leave no failure in the journal, so that they never count. Locks: ACCESS SHARE on tables of schema rekey.
 */
export async function isExhausted(session: Session, { phase, step, run }: JournalScope): Promise<boolean> {
  const { failures } = await session.one<{ failures: number }>(
    `with mine as (
       select * from rekey.journal j where j.phase = $1 and j.step = $2 and j.run_id is not distinct from $3),
     ended as (
       select coalesce(pg_catalog.max(id), 0) as id from mine where kind in ('step', 'validation')),
     firsts as (
       select pg_catalog.min(mine.id) as id from mine, ended
       where kind = 'statement' and duration_ms is not null and mine.id > ended.id group by object, statement)
     select pg_catalog.count(*)::int4 as failures from mine
     -- a failed statement outside a transaction has an entry of its own before that of its try
     where kind = 'failure' and statement is null and coalesce(sqlstate, '') !~ '^(08|57P)'
       and id > greatest((select id from ended), (select pg_catalog.max(id) from firsts))
       and at > greatest((select pg_catalog.max(c.updated_at) from rekey.cursor c where c.phase = $1),
         (select pg_catalog.max(o.opened_at) from rekey.opening o where o.phase = $1 and o.parked), '-infinity')`,
    [phase, step, run?.runId ?? null],
  );
  return failures >= failureLimit;
}

/** The same for failures that not even the journal could take, as of a disk without room for another row. */
export function isExhaustedUntold(attempt: Pick<Attempt, 'untold'>): boolean {
  return attempt.untold() >= failureLimit;
}
