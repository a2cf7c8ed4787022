import { RekeyError } from '../errors.js';
import type { Database } from './database.js';

type Row = Record<string, unknown>;

/**
 * Runs `fn` in a read-only transaction with a limit for each statement, in ms, and the search_path that the role has by
 * itself: a plan's SQL is written for that one. Throws BadInput `check.sql` where PostgreSQL does not accept the SQL.
 */
export async function readOnly<T>(
  database: Database,
  where: string,
  timeout: number,
  fn: () => Promise<T>,
): Promise<T> {
  try {
    return await database.transaction(async () => {
      await database.query(
        `set local search_path to default; set local statement_timeout = ${Math.round(timeout)}`,
      );
      return fn();
    }, 'read only');
  } catch (error) {
    const { sqlstate } = error as { sqlstate?: string };
    // names, syntax, types, values, an attempt to write
    if (!sqlstate || !/^(2[012]|25006|42|0A)/.test(sqlstate)) throw error;
    throw new RekeyError('BadInput', {
      code: 'check.sql',
      message: `PostgreSQL does not accept its SQL (SQLSTATE ${sqlstate})`,
      remedy: "Correct the SQL in the plan: it is one SELECT that reads only, run as Rekey's role.",
      where,
      sqlstate,
    });
  }
}

/** True where the statement ran into its limit. */
export function ranOutOfTime(error: unknown): boolean {
  return (error as { sqlstate?: string }).sqlstate === '57014';
}

/** At most two rows of a plan's query: enough to judge it. A subquery, so that two statements are an error. */
export async function answerOf(database: Database, sql: string): Promise<Row[]> {
  return database.query<Row>(`select * from (\n${sql.trim().replace(/;$/, '')}\n) as answer limit 2`);
}
