import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../src/postgres/session.js';

/** Between two looks, in ms: a client that waits for longer is seen, and a look costs the server a fifth of one. */
const apart = 40;

/**
 * Who waits behind this backend, and since when: a client's statement is short, so that its age is about what it has
 * waited. pg_blocking_pids is asked for those that wait for a lock only; it takes the locks of the lock table.
 */
const waitedSql = `select coalesce(max(case when $1::int4 = any (pg_catalog.pg_blocking_pids(a.pid))
    then extract(epoch from pg_catalog.clock_timestamp() - a.query_start) * 1000 end), 0)::float8 as waited
  from pg_catalog.pg_stat_activity a
  where a.datname = pg_catalog.current_database() and a.wait_event_type = 'Lock' and a.pid <> $1::int4`;

/**
 * Runs `work` on the session with this pid; from another one it looks all the while who waits behind it. Answers with
 * the longest wait that it saw, in ms, 0 where nobody waited, or no session is to be had. Takes no locks on tables.
 */
export async function seeWaiters<T>(
  session: () => Promise<Session>,
  pid: number,
  work: () => Promise<T>,
): Promise<{ value: T; waitedMs: number }> {
  const over = new AbortController();
  let waitedMs = 0;
  const looking = (async () => {
    for (;;) {
      await sleep(apart, undefined, { signal: over.signal }).catch(() => undefined);
      if (over.signal.aborted) return;
      // opened when the first batch takes as long as that: the rows of a small table are done before
      const watch = await session();
      const { waited } = await watch.one<{ waited: number }>(waitedSql, [pid]);
      waitedMs = Math.max(waitedMs, waited);
    }
    // without a session to look from batches go by their time alone
  })().catch(() => undefined);
  try {
    const value = await work();
    return { value, waitedMs };
  } finally {
    over.abort();
    // whoever closes both sessions finds this one open or not, but not about to open; a silent server keeps nobody
    await Promise.race([looking, sleep(2_000, undefined, { ref: false })]);
  }
}
