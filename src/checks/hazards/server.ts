import type { Hazard } from '../../errors.js';
import type { Database } from '../database.js';

/** What the server says that has nothing to do with tables. `oldest`: ms. */
export async function server(database: Database, version: number, oldest: number): Promise<Hazard[]> {
  return [
    ...supported(version),
    ...(await oldTransactions(database, oldest)),
    ...(await preparedTransactions(database)),
  ];
}

/** `version`: server_version_num. Pure. */
export function supported(version: number): Hazard[] {
  const major = Math.floor(version / 10_000);
  if (major >= 14 && major <= 18) return [];
  return [
    {
      hazard: 'server-version',
      rank: 'stop',
      on: `PostgreSQL ${major}`,
      message: `PostgreSQL ${major} is not supported: 14 to 18 are`,
      remedy: major < 14 ? 'upgrade the server first' : 'use a newer Rekey',
    },
  ];
}

/** Ours don't count: their application_name begins with `rekey `. */
async function oldTransactions(database: Database, oldest: number): Promise<Hazard[]> {
  const rows = await database.query<{ pid: number; application: string; role: string; seconds: number }>(
    `select a.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as role,
       extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::float8 as seconds
     from pg_catalog.pg_stat_activity a
     where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid() and a.backend_type = 'client backend'
       and a.application_name not like 'rekey %' and a.xact_start < pg_catalog.clock_timestamp() - $1::float8 * interval '1 millisecond'
     order by a.xact_start limit 5`,
    [oldest],
  );
  return rows.map((row) => ({
    hazard: 'old-transaction',
    rank: 'stop',
    on: `backend ${row.pid}`,
    message: `a transaction of ${row.role}${row.application ? ` (${row.application})` : ''} is ${Math.round(row.seconds)} s old: index builds wait for it, and so do locks`,
    remedy: `let it end, or select pg_terminate_backend(${row.pid}), then resolve with retry`,
  }));
}

async function preparedTransactions(database: Database): Promise<Hazard[]> {
  const rows = await database.query<{ gid: string }>(
    `select gid from pg_catalog.pg_prepared_xacts where database = pg_catalog.current_database() order by prepared limit 5`,
  );
  return rows.map(({ gid }) => ({
    hazard: 'prepared-transaction',
    rank: 'stop',
    on: `prepared transaction ${gid}`,
    message: 'a prepared transaction keeps its locks until somebody ends it',
    remedy: `commit prepared '${gid.replaceAll("'", "''")}', or rollback prepared, then resolve with retry`,
  }));
}
