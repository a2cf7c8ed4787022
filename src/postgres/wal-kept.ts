import type { Session } from './session.js';
import type { WalKept } from './throttle.js';

/**
 * What keeps the most WAL from being recycled: a replication slot that is read slowly or by nobody, or an archiver that
 * falls behind. By positions in the log, which every role may read, and not by the size of pg_wal: that needs pg_monitor, and
 * shrinks at a checkpoint only. Locks: none.
 */
export async function walKept(session: Session): Promise<WalKept | null> {
  try {
    // the archiver goes on with the segment after the last that it archived, and tries again the one on which it failed.
    // One that has done neither since its statistics began says nothing of how far it is
    const [most] = await session.query<{ by: string; bytes: number }>(
      `with now as (
         select pg_catalog.pg_current_wal_lsn() as lsn,
           pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))::numeric as segment),
       archiver as (
         select case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then a.last_failed_wal
             else a.last_archived_wal end as wal,
           case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then 0 else 1 end as after
         from pg_catalog.pg_stat_archiver a where pg_catalog.current_setting('archive_mode') <> 'off')
       select 'the slot ' || s.slot_name || case when s.active then '' else ', which nobody reads,' end as by,
         pg_catalog.pg_wal_lsn_diff(now.lsn, s.restart_lsn)::float8 as bytes
       from pg_catalog.pg_replication_slots s, now where s.restart_lsn is not null and s.wal_status <> 'lost'
       union all
       select 'the archiver, which falls behind,',
         (pg_catalog.pg_wal_lsn_diff(now.lsn, '0/0')
           - (('x' || pg_catalog.substr(wal, 9, 8))::bit(32)::bigint * 4294967296::numeric
             + (('x' || pg_catalog.substr(wal, 17, 8))::bit(32)::bigint + after) * now.segment))::float8
       from archiver, now where wal ~ '^[0-9A-F]{24}'
       order by bytes desc limit 1`,
    );
    return most ?? null;
  } catch (error) {
    if ((error as { sqlstate?: string }).sqlstate !== '42501') throw error;
    return { unreadable: "Rekey's role may not look at pg_replication_slots or pg_stat_archiver" };
  }
}
