import type { Session } from '../src/postgres/session.js';

/** SQL that the plan's author wrote means what it means in psql: with the database's own search path, not ours. */
export async function userSearchPath(session: Session): Promise<void> {
  await session.execute('reset search_path');
}

/**
 * For a statement of ours that fires triggers of the application: what they name without a schema, and times that they
 * turn into text or into a timestamp without a zone, are theirs in our session, too. To the end of the transaction.
 * pg_catalog stays in front: our own statements name the rest, and what has the same name and types is PostgreSQL's. A call
 * that needs a cast to fit must be qualified in them: a function elsewhere on the path may fit without.
 */
export const asClientsSee = [
  'set local search_path to default',
  `select pg_catalog.set_config('search_path', pg_catalog.concat('pg_catalog, ', pg_catalog.current_setting('search_path')), true)
   where pg_catalog.strpos(pg_catalog.current_setting('search_path'), 'pg_catalog') operator(pg_catalog.>) 0`,
  'set local timezone to default',
  'set local datestyle to default',
  'set local intervalstyle to default',
];

/** Before the end of the transaction: our own settings again. */
export const asWeSee = [
  'set local search_path = pg_catalog',
  `set local timezone = 'UTC'`,
  `set local datestyle = 'ISO'`,
  `set local intervalstyle = 'postgres'`,
];
