import { applicationPrefix } from './connect.js';
import type { Session } from './session.js';
import { LagClock, type Signal, type Signals, type ThrottleLimits } from './throttle.js';
import { walKept } from './wal-kept.js';

/** What was seen of a standby this long ago says nothing about its lag now, ms. */
const forgotten = 60_000;

/**
 * Of each connected standby, by its server and session. A slice of the map is short, and a standby whose replay stands still
 * tells nothing new: what the last slice saw of it is how the next one knows for how long.
 */
const clocks = new Map<string, { clock: LagClock; seen: number }>();

/** Reads the throttle's signals for a phase; WAL where there is a limit to it. `freeDisk` asks the plan's hook, null: it has none. */
export function signalReader(
  phase: string,
  limits: Pick<ThrottleLimits, 'walKept'> = {},
  freeDisk: (() => Promise<Signal>) | null = null,
): (session: Session) => Promise<Signals> {
  return async (session) => {
    const readable = await seesStatistics(session);
    return {
      paused: await isPaused(session, phase),
      replicaLag: readable ? await replicaLag(session) : hidden,
      oldestTransaction: readable ? await oldestTransaction(session) : hidden,
      ...(limits.walKept === undefined ? {} : { walKept: await walKept(session) }),
      ...(freeDisk === null ? {} : { freeDisk: await freeDisk() }),
    };
  };
}

const hidden: Signal = { unreadable: "Rekey's role is no member of pg_read_all_stats" };

export async function isPaused(session: Session, phase: string): Promise<boolean> {
  const [row] = await session.query<{ paused: boolean }>(
    'select paused from rekey.pause where phase = $1 and paused',
    [phase],
  );
  return row !== undefined;
}

async function seesStatistics(session: Session): Promise<boolean> {
  const { sees } = await session.one<{ sees: boolean }>(
    `select pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees`,
  );
  return sees;
}

/** The largest lag of all standbys and logical subscribers, in ms. */
async function replicaLag(session: Session): Promise<Signal> {
  const rows = await session.query<{
    standby: string;
    written: number;
    replayed: number | null;
    lag: number | null;
  }>(
    `select pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time(), pid, backend_start) as standby, (pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 as written,
       (replay_lsn - '0/0'::pg_lsn)::float8 as replayed, (extract(epoch from replay_lag) * 1000)::float8 as lag
     from pg_catalog.pg_stat_replication where state in ('streaming', 'catchup')`,
  );
  const now = performance.now();
  for (const [standby, { seen }] of clocks) if (now - seen > forgotten) clocks.delete(standby);
  let longest = 0;
  for (const { standby, written, replayed, lag } of rows) {
    const clock = clocks.get(standby)?.clock ?? new LagClock();
    clocks.set(standby, { clock, seen: now });
    const behind = clock.observe(now, written, replayed ?? 0);
    longest = Math.max(longest, behind, behind > 0 ? (lag ?? 0) : 0);
  }
  return longest;
}

/**
 * The age of the oldest transaction of somebody else in this database, prepared ones included, in ms. Our own sessions
 * are those of our role whose application_name begins with `rekey `.
 */
async function oldestTransaction(session: Session): Promise<Signal> {
  const { oldest } = await session.one<{ oldest: number }>(
    `select coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - started)) * 1000, 0)::float8 as oldest
     from (
       select a.xact_start as started from pg_catalog.pg_stat_activity a
       where a.datname = pg_catalog.current_database() and a.backend_type = 'client backend'
         and not (a.usename = current_user and pg_catalog.starts_with(a.application_name, $1))
       union all
       select p.prepared from pg_catalog.pg_prepared_xacts p where p.database = pg_catalog.current_database()
     ) as transactions`,
    [applicationPrefix],
  );
  return Math.max(0, oldest);
}
