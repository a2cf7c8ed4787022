import type { Session } from '../src/postgres/session.js';

/** SQL that the plan's author wrote means what it means in psql: with the database's own search path, not ours. */
export async function userSearchPath(session: Session): Promise<void> {
  await session.execute('reset search_path');
}
