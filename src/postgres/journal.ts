import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyError } from '../errors.js';
import { originalOf, sqlstateOf } from './from-postgres.js';
import type { Result, Session } from './session.js';

/** Whose work an entry is. */
export interface JournalScope {
  phase: string | null;
  step: string;
  run?: { workflowId: string; runId: string } | null;
}

export type JournalKind = 'statement' | 'locks' | 'step' | 'validation' | 'hook' | 'note' | 'failure';

export interface JournalEntry {
  kind: JournalKind;
  object?: string | null;
  statement?: string | null;
  durationMs?: number | null;
  lockWaitMs?: number | null;
  rows?: number | null;
  sqlstate?: string | null;
  detail?: unknown;
}

export interface Statement {
  /** the object it is about, as the plan would name it */
  object?: string | null;
  text: string;
  values?: unknown[];
}

export interface StatementResult<R> extends Result<R> {
  durationMs: number;
  lockWaitMs: number | null;
}

/** Writes one entry, in the transaction of the session if there is one. Answers with its id. */
export async function writeJournal(
  session: Session,
  scope: JournalScope,
  entry: JournalEntry,
): Promise<string> {
  const { id } = await session.one<{ id: string }>(
    `insert into rekey.journal
       (phase, step, kind, object, statement, duration_ms, lock_wait_ms, rows, sqlstate, detail, workflow_id, run_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12) returning id`,
    [
      scope.phase,
      scope.step,
      entry.kind,
      entry.object ?? null,
      entry.statement ?? null,
      entry.durationMs ?? null,
      entry.lockWaitMs ?? null,
      entry.rows ?? null,
      entry.sqlstate ?? null,
      entry.detail === undefined ? null : JSON.stringify(entry.detail),
      scope.run?.workflowId ?? null,
      scope.run?.runId ?? null,
    ],
  );
  return id;
}

/**
 * Runs a statement and journals it with its duration. In a transaction the entry commits with the statement (how long
 * it waited for locks is then known from the LOCK before it). Outside one (CREATE INDEX CONCURRENTLY, VALIDATE) the
 * entry is written before, so that it stands even where the statement's end is never seen, and completed after;
 * `watch`, a second session, measures the time it waited for locks. A failure is journalled with PostgreSQL's words.
 */
export async function runStatement<R = Record<string, unknown>>(
  session: Session,
  scope: JournalScope,
  statement: Statement,
  watch?: Session,
): Promise<StatementResult<R>> {
  const entry = { kind: 'statement', object: statement.object, statement: statement.text } as const;
  if (session.inTransaction) {
    const { result, durationMs } = await timed(() => session.execute<R>(statement.text, statement.values));
    await writeJournal(session, scope, { ...entry, durationMs, rows: result.count });
    return { ...result, durationMs, lockWaitMs: null };
  }
  const id = await writeJournal(session, scope, entry);
  const lockWatch = watch ? watchLockWaits(watch, session.pid) : null;
  try {
    const { result, durationMs } = await timed(() => session.execute<R>(statement.text, statement.values));
    const lockWaitMs = lockWatch ? await lockWatch.stop() : null;
    await session.execute(
      'update rekey.journal set duration_ms = $2, lock_wait_ms = $3, rows = $4 where id = $1',
      [id, durationMs, lockWaitMs, result.count],
    );
    return { ...result, durationMs, lockWaitMs };
  } catch (error) {
    await lockWatch?.stop();
    await journalFailure(session, scope, error, statement);
    throw error;
  }
}

/** Journals a failure with PostgreSQL's own words, over another connection where this one is gone. Never throws: false where the journal could not take it. */
export async function journalFailure(
  session: Session,
  scope: JournalScope,
  error: unknown,
  statement?: Statement,
): Promise<boolean> {
  const entry: JournalEntry = {
    kind: 'failure',
    object: statement?.object ?? (error instanceof RekeyError ? error.where : null),
    statement: statement?.text,
    sqlstate: sqlstateOf(error),
    detail: {
      code: error instanceof RekeyError ? error.code : 'internal',
      message: error instanceof Error ? error.message : 'unknown',
      postgres: originalOf(error),
    },
  };
  try {
    await writeJournal(session, scope, entry);
    return true;
  } catch {
    const other = await session.another('journal').catch(() => null);
    if (other === null) return false;
    const told = await other
      .one('select 1')
      .then(() => writeJournal(other, scope, entry))
      .then(() => true)
      .catch(() => false);
    await other.close();
    return told;
  }
}

/** How long a backend waits for locks while this runs, by looking every 20 ms; ms, a lower bound. */
export function watchLockWaits(watch: Session, pid: number): { stop: () => Promise<number> } {
  // a statement that ends between two looks is not held up until the next one
  const ended = new AbortController();
  let waited = 0;
  const loop = (async () => {
    let last = process.hrtime.bigint();
    while (!ended.signal.aborted) {
      const [row] = await watch.query<{ waits: boolean }>(
        `select exists (select from pg_catalog.pg_locks where pid = $1::integer and not granted) as waits`,
        [pid],
      );
      const now = process.hrtime.bigint();
      if (row?.waits) waited += Number(now - last) / 1e6;
      last = now;
      await sleep(20, undefined, { signal: ended.signal });
    }
  })().catch(() => undefined);
  return {
    stop: async () => {
      ended.abort();
      await loop;
      return Math.round(waited);
    },
  };
}

async function timed<T>(fn: () => Promise<T>): Promise<{ result: T; durationMs: number }> {
  const started = process.hrtime.bigint();
  const result = await fn();
  return { result, durationMs: Number(process.hrtime.bigint() - started) / 1e6 };
}
