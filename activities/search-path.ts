import type { Session } from '../src/postgres/session.js';

/** SQL that the plan's author wrote means what it means in psql: with the database's own search path, not ours. */
export async function userSearchPath(session: Session): Promise<void> {
  await session.execute('reset search_path');
}

/**
 * For a statement of ours that fires triggers of the application: what they name without a schema, and times that they
 * turn into text or into a timestamp without a zone, are theirs in our session, too. To the end of the transaction.
 */
export const asClientsSee = [
  'set local search_path to default',
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
