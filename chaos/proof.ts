import { setTimeout as sleep } from 'node:timers/promises';
import { schemaDump } from '../src/backup/schema-dump.js';
import type { Stage } from './stage.js';

/** The schema without Rekey's own, as bytes: two of one state are the same. */
export function dumpOf(stage: Stage, url: string): Promise<string> {
  const serverVersion = stage.postgres.version * 10_000;
  return schemaDump({ url, serverVersion, tools: stage.tools });
}

/**
 * The first lines that differ, for the message of a failed round. Defaults that name a row's key are compared without
 * it: each database has a salt of its own.
 */
export function difference(expected: string, found: string): string | null {
  const [one, other] = [expected, found].map((dump) => dump.replaceAll(keyLiteral, "'a key'::uuid"));
  if (one === other) return null;
  const [a, b] = [one?.split('\n') ?? [], other?.split('\n') ?? []];
  const [less, more] = [a.filter((line) => !b.includes(line)), b.filter((line) => !a.includes(line))];
  if (less.length + more.length === 0) return 'the same lines in another order';
  return [
    ...less.slice(0, 3).map((line) => `- ${line}`),
    ...more.slice(0, 3).map((line) => `+ ${line}`),
  ].join(' | ');
}

const keyLiteral = /'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'::uuid/g;

/** What must not be left of Rekey once nothing runs any more; sessions of what was killed get a moment to end. */
export async function leftovers(stage: Stage, database: string): Promise<string[]> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await stage.withDatabase(database, async (client) => {
      const { rows } = await client.query<{ what: string }>(
        `select 'a session of Rekey: ' || application_name || ', ' || state as what from pg_stat_activity
           where datname = current_database() and application_name like 'rekey %'
         union all
         select 'an index that is not valid: ' || indexrelid::regclass::text from pg_index where not indisvalid
         union all
         select 'an advisory lock' from pg_locks
           where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
         union all
         select 'a prepared transaction: ' || gid from pg_prepared_xacts where database = current_database()
         union all
         select 'a scratch database: ' || datname from pg_database where datname like 'rekey%'`,
      );
      return rows.map(({ what }) => what);
    });
    if (found.length === 0 || Date.now() > deadline) return found;
    await sleep(200);
  }
}

/** What a worker must never have to say, whatever happens around it. */
export function unexpected(workerLog: string): string[] {
  const signs = /failed unexpectedly|Nondeterminism|DeterminismViolation|TypeError|ReferenceError|unhandled/i;
  // one that starts while Temporal is gone ends, and its supervisor starts it again
  const ended = /the worker ended: (?!.*(Transport|connect))/i;
  return workerLog
    .split('\n')
    .filter((line) => signs.test(line) || ended.test(line))
    .slice(0, 5);
}
