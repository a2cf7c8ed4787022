import type { Hazard } from '../../errors.js';
import { type HazardContext, tableOf, tableOids } from './context.js';

/** A vacuum against wraparound never yields to a lock, and a cutover has to hold all of its locks at once. */
export async function locks(context: HazardContext): Promise<Hazard[]> {
  return [...(await wraparound(context)), ...(await lockSlots(context))];
}

async function wraparound(context: HazardContext): Promise<Hazard[]> {
  const rows = await context.database.query<{ oid: number; pid: number }>(
    `select v.relid::int8::float8 as oid, v.pid from pg_catalog.pg_stat_progress_vacuum v
     join pg_catalog.pg_stat_activity a on a.pid = v.pid
     where v.relid = any ($1::oid[]) and a.query like '%(to prevent wraparound)%'`,
    [tableOids(context)],
  );
  return rows.map(({ oid, pid }) => ({
    hazard: 'wraparound-vacuum',
    rank: 'stop',
    on: tableOf(context, oid),
    message: `a vacuum of ${tableOf(context, oid)} against wraparound is running (backend ${pid}); it yields to no lock`,
    remedy: 'wait until it is done (pg_stat_progress_vacuum), then resolve with retry',
  }));
}

/** Each table, each of its indexes, its TOAST table with its index; twins and originals stand side by side. */
async function lockSlots(context: HazardContext): Promise<Hazard[]> {
  const [room] = await context.database.query<{ slots: number; taken: number; relations: number }>(
    `select (pg_catalog.current_setting('max_locks_per_transaction')::int8 *
         (pg_catalog.current_setting('max_connections')::int8 + pg_catalog.current_setting('max_prepared_transactions')::int8))::float8 as slots,
       (select pg_catalog.count(*) from pg_catalog.pg_locks l where not l.fastpath)::float8 as taken,
       (select pg_catalog.count(*) from pg_catalog.pg_index i where i.indrelid = any ($1::oid[]))::float8 as relations`,
    [tableOids(context)],
  );
  const { slots, taken, relations } = room as { slots: number; taken: number; relations: number };
  const needed = 3 * context.statements.lockTables.length + 2 * relations;
  if (needed <= slots - taken) return [];
  return [
    {
      hazard: 'too-few-lock-slots',
      rank: 'stop',
      on: 'max_locks_per_transaction',
      message: `the cutover needs about ${needed} locks at once, and the server has room for ${slots - taken}`,
      remedy: 'raise max_locks_per_transaction (needs a restart), or move fewer tables in a phase',
      count: needed,
    },
  ];
}
