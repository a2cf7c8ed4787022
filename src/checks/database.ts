import type { Query } from '../catalog/read.js';

/** What checks ask of a connection; a Session of src/postgres is one. Errors come out as RekeyError. */
export interface Database {
  query: Query;
  /** BEGIN with `options`, `fn`, COMMIT; ROLLBACK where `fn` throws */
  transaction<T>(fn: () => Promise<T>, options?: string): Promise<T>;
}

/** Runs `fn` in a transaction that is rolled back, whatever happens. */
export async function rolledBack<T>(database: Database, fn: () => Promise<T>, options = ''): Promise<T> {
  let done: { value: T } | null = null;
  const undo = new Error('rolled back on purpose');
  try {
    await database.transaction(async () => {
      done = { value: await fn() };
      throw undo;
    }, options);
  } catch (error) {
    if (error !== undo) throw error;
  }
  return (done as unknown as { value: T }).value;
}
