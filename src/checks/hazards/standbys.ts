import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';

interface StandbyRow {
  name: string;
  host: string;
}

/**
 * Physical standbys replay ACCESS EXCLUSIVE locks, in one line with everything else: a report that reads one of the tables
 * there holds up the replay of all of them. For how long is a setting of the standby, which nobody can read from here.
 */
export async function standbys({ database, plan, statements }: HazardContext): Promise<Hazard[]> {
  const rows = await database.query<StandbyRow>(
    `select coalesce(nullif(r.application_name, ''), 'without a name') as name, coalesce(pg_catalog.host(r.client_addr), 'local') as host
     from pg_catalog.pg_stat_replication r
     where not exists (select from pg_catalog.pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')
     order by 1, 2`,
  );
  const tables = statements.lockTables.length;
  return rows.map(({ name, host }) => ({
    hazard: 'standby-replay',
    rank: 'note',
    on: `standby ${name}`,
    message: `the standby ${name} (${host}) replays ACCESS EXCLUSIVE locks, too: while a report there reads one of the phase's ${tables} tables, replay of the whole server stands still, each time for as long as its max_standby_streaming_delay says (30 s unless it was changed; -1: until the report ends), at most ${plan.locks.tries} times a step`,
    remedy:
      'look at show max_standby_streaming_delay on the standby, and let no long report run there during addColumns, buildTwins, swapKeys and a way back',
  }));
}
