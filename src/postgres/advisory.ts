import { createHash } from 'node:crypto';
import { RekeyError } from '../errors.js';
import type { Session } from './session.js';

/** What only one attempt may work on at a time; the run does not count, so that a successor waits for its predecessor. */
export interface Work {
  phase: string;
  step: string;
  table?: string;
  range?: number | string;
}

export interface AdvisoryOptions {
  /** called at each look, four times a second: heartbeats */
  onWait?: (waitedMs: number) => void;
  /** how long the holder may be alive before its backend is ended, in ms: 30 s */
  grace?: number;
  /** after this it gives up, in ms: 5 min */
  giveUp?: number;
}

/** The key of the advisory lock, as the text of a bigint. */
export function advisoryKey(work: Work): string {
  const name = JSON.stringify(['rekey', work.phase, work.step, work.table ?? null, work.range ?? null]);
  return createHash('sha256').update(name).digest().readBigInt64BE(0).toString();
}

/**
 * Runs `fn` while this session holds the advisory lock of this work; the session that works must be the one that
 * locks. While another holds it, waits; after `grace` it ends the backend that holds exactly this lock, if that belongs
 * to the same database and role: an attempt that was given up for dead must not act beside its successor. Throws
 * Transient `advisory.not-had`.
 */
export async function withStepLock<T>(
  session: Session,
  work: Work,
  options: AdvisoryOptions,
  fn: () => Promise<T>,
): Promise<T> {
  const key = advisoryKey(work);
  await acquire(session, work, key, options);
  try {
    return await fn();
  } finally {
    await session.letGo('select pg_catalog.pg_advisory_unlock($1::bigint)', [key]);
  }
}

/**
 * Takes the advisory lock of this work until the session ends, however it ends, if nobody has it; else says who has, as far
 * as this role may see.
 */
export async function lockForSession(
  session: Session,
  work: Work,
): Promise<{ had: true } | { had: false; pid: number | null }> {
  const key = advisoryKey(work);
  if (await tryLock(session, key)) return { had: true };
  return { had: false, pid: (await holderOf(session, key))?.pid ?? null };
}

async function tryLock(session: Session, key: string): Promise<boolean> {
  const { had } = await session.one<{ had: boolean }>(
    'select pg_catalog.pg_try_advisory_lock($1::bigint) as had',
    [key],
  );
  return had;
}

async function acquire(session: Session, work: Work, key: string, options: AdvisoryOptions): Promise<void> {
  const { grace = 30_000, giveUp = 300_000, onWait } = options;
  const started = performance.now();
  for (;;) {
    if (await tryLock(session, key)) return;
    const waited = performance.now() - started;
    onWait?.(waited);
    if (waited >= giveUp) {
      throw new RekeyError('Transient', {
        code: 'advisory.not-had',
        message: `another attempt has worked on ${work.step} for ${Math.round(waited / 1000)} s and could not be ended`,
        remedy: 'End its backend (`rekey` in application_name), or wait: the step is tried again.',
        where: work.table,
      });
    }
    if (waited >= grace) await endHolder(session, key);
    await session.pause(250);
  }
}

interface Holder {
  pid: number;
  started: string;
}

/** pg_locks shows a bigint key as two halves, and objsubid 1. */
const holding = `l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and l.classid::bigint = (($1::bigint >> 32) & 4294967295) and l.objid::bigint = ($1::bigint & 4294967295)
  and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
  and a.usename = current_user and l.pid <> pg_catalog.pg_backend_pid()`;

/** Who holds the lock, if it is a backend of our database and role. */
async function holderOf(session: Session, key: string): Promise<Holder | null> {
  const [holder] = await session.query<Holder>(
    `select l.pid, a.backend_start::text as started from pg_catalog.pg_locks l
     join pg_catalog.pg_stat_activity a on a.pid = l.pid where ${holding}`,
    [key],
  );
  return holder ?? null;
}

/** A process id may have been given to somebody else since: it must still hold the lock and have the same start. */
async function endHolder(session: Session, key: string): Promise<void> {
  const holder = await holderOf(session, key);
  if (!holder) return;
  await session.query(
    `select pg_catalog.pg_terminate_backend(l.pid) from pg_catalog.pg_locks l
     join pg_catalog.pg_stat_activity a on a.pid = l.pid
     where ${holding} and l.pid = $2::integer and a.backend_start = $3::timestamptz`,
    [key, holder.pid, holder.started],
  );
}
