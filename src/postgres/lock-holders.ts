import type { Session } from './session.js';

export interface LockHolder {
  /** null: a prepared transaction */
  pid: number | null;
  application: string;
  /** of its transaction, in ms; null where we may not see it */
  ageMs: number | null;
}

export type LockMode = 'access exclusive' | 'share row exclusive' | 'share update exclusive';

/** What a wanted mode waits for. */
const conflicting: Record<LockMode, string[]> = {
  'access exclusive': [
    'AccessShareLock',
    'RowShareLock',
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
  'share update exclusive': [
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
  'share row exclusive': [
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
};

/**
 * Who holds, or waits for, a lock on these relations (quoted names; partitions and children count) that stands in the
 * way of `mode`, oldest transaction first. A prepared transaction keeps its virtual number until the server restarts, so
 * it is found by its lock on its own id, not by '-1/xid'. Takes no lock; answers within milliseconds.
 */
export async function lockHolders(
  session: Session,
  relations: readonly string[],
  mode: LockMode,
): Promise<LockHolder[]> {
  // pg_stat_activity is read once a transaction: without this every later look shows the first one's transactions
  await session.query('select pg_catalog.pg_stat_clear_snapshot()');
  return session.query<LockHolder>(
    `with recursive wanted as (
       select pg_catalog.to_regclass(name)::oid as oid from pg_catalog.unnest($1::text[]) as name
       union
       select i.inhrelid from pg_catalog.pg_inherits i join wanted w on w.oid = i.inhparent
     )
     select l.pid, coalesce(a.application_name, 'prepared transaction ' || p.gid, '') as application,
       max(extract(epoch from pg_catalog.clock_timestamp() - coalesce(a.xact_start, p.prepared)) * 1000)::float8 as "ageMs"
     from pg_catalog.pg_locks l
     left join pg_catalog.pg_stat_activity a on a.pid = l.pid
     left join pg_catalog.pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid'
       and x.virtualtransaction = l.virtualtransaction
     left join pg_catalog.pg_prepared_xacts p on p.transaction = x.transactionid
     where l.locktype = 'relation' and l.relation in (select oid from wanted) and l.mode = any ($2::text[])
       and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
       and l.pid is distinct from pg_catalog.pg_backend_pid()
     group by 1, 2 order by 3 desc nulls last, 1`,
    [relations, conflicting[mode]],
  );
}

export function describeHolders(holders: readonly LockHolder[]): string {
  const named = holders.slice(0, 3).map(({ pid, application, ageMs }) => {
    const who = pid === null ? application : `pid ${pid} (${application || 'no application_name'}`;
    const age = ageMs === null ? 'age not visible' : `${(ageMs / 1000).toFixed(1)} s`;
    return pid === null ? `${who}, ${age}` : `${who}, ${age})`;
  });
  const more = holders.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}
