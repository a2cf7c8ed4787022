import type { Session } from './session.js';

/** Where the log stands now, as a position to wait for: as inserted, since a rolled-back try is not flushed at once. */
export async function walPosition(session: Session): Promise<string> {
  const { lsn } = await session.one<{ lsn: string }>(
    'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
  );
  return lsn;
}

/**
 * How many physical standbys have not replayed the log up to `position`. Those that our role may not see don't count:
 * preflight asks for pg_read_all_stats.
 */
export async function standbysBehind(session: Session, position: string): Promise<number> {
  const { behind } = await session.one<{ behind: number }>(
    `select count(*)::integer as behind from pg_catalog.pg_stat_replication r
     where r.state = 'streaming' and r.replay_lsn < $1::pg_lsn
       and not exists (
         select from pg_catalog.pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')`,
    [position],
  );
  return behind;
}
