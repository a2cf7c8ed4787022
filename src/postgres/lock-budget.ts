import { RekeyError } from '../errors.js';
import { type JournalScope, writeJournal } from './journal.js';
import { describeHolders, type LockHolder, type LockMode, lockHolders } from './lock-holders.js';
import type { Session } from './session.js';
import { standbysBehind, walPosition } from './standbys.js';

/** All in ms except tries. */
export interface LockBudget {
  /** wait for SHARE UPDATE EXCLUSIVE, behind which no client queues: long enough for autovacuum to yield */
  quietWait: number;
  /** the longest time for which clients may queue behind one try; the first two try for a third and two thirds of it */
  stall: number;
  /** how often it may ask, each time at the cost of a stall; looking whether it can ask costs none */
  tries: number;
  /** for all tries together */
  within: number;
}

export interface LockRequest {
  /** quoted names, referencing tables before referenced ones */
  tables: readonly string[];
  /** quoted names, each before what it reads; every third try has them after the tables */
  views?: readonly string[];
  mode: LockMode;
  budget: LockBudget;
  /** ms for each statement of the work under the locks */
  statementTimeout: number;
  /** journals how long the locks were held, after the commit */
  journal?: JournalScope & { object?: string };
  /** called at least every second while it waits: heartbeats */
  onWait?: (state: { tries: number; because: string }) => void;
  random?: () => number;
}

export interface LocksHad<T> {
  value: T;
  tries: number;
  /** how long the LOCK that succeeded waited, with clients queued behind it */
  waitedMs: number;
  /** from there to the end of COMMIT */
  heldMs: number;
}

/** One transaction makes tries for no longer than this: it holds SHARE UPDATE EXCLUSIVE, and the vacuum horizon. */
const roundMs = 5_000;

/** Ends a try, and the round with it if `round`; never leaves this file. */
class Miss extends Error {
  constructor(
    readonly because: string,
    readonly round: boolean,
  ) {
    super(because);
  }
}

/**
 * Runs `fn` in a transaction that holds all of `tables` and `views` in `mode`, and commits. First SHARE UPDATE EXCLUSIVE
 * on the tables (autovacuum yields to it and no client waits behind it), then, from a savepoint, everything in one LOCK
 * under `stall`. It never asks while a transaction older than `stall` holds one of them. After a miss it waits with
 * jitter until standbys have replayed it, and tries in another order. `fn` runs again where it deadlocks or misses a lock
 * beyond those asked for, so it must touch nothing but the database. Throws Transient `locks.not-had` with the holders
 * when tries or time are used up.
 */
export async function withLocks<T>(
  session: Session,
  request: LockRequest,
  fn: () => Promise<T>,
): Promise<LocksHad<T>> {
  if (session.inTransaction) throw new Error('withLocks begins its own transaction');
  const attempt = new Attempt(session, request);
  await attempt.prepare();
  for (;;) {
    try {
      const had = await attempt.round(fn);
      if (request.journal) await attempt.writeDown(request.journal, had);
      return had;
    } catch (error) {
      if (!(error instanceof Miss)) throw error;
      await attempt.afterMiss(error.because);
    }
  }
}

class Attempt {
  private readonly started = performance.now();
  private readonly random: () => number;
  private readonly relations: readonly string[];
  private tries = 0;
  private stall: number;
  private holders: LockHolder[] = [];

  constructor(
    private readonly session: Session,
    private readonly request: LockRequest,
  ) {
    this.random = request.random ?? Math.random;
    this.relations = [...(request.views ?? []), ...request.tables];
    this.stall = request.budget.stall;
  }

  /** A LOCK that is still waiting at deadlock_timeout could make a client the victim of a deadlock. */
  async prepare(): Promise<void> {
    const { limit } = await this.session.one<{ limit: number }>(
      `select (extract(epoch from pg_catalog.current_setting('deadlock_timeout')::interval) * 1000)::float8 as limit`,
    );
    this.stall = Math.max(1, Math.floor(Math.min(this.stall, limit * 0.8)));
  }

  async round<T>(fn: () => Promise<T>): Promise<LocksHad<T>> {
    const roundEnds = performance.now() + roundMs;
    let had = 0n;
    let waitedMs = 0;
    const value = await this.session.transaction(async () => {
      await this.lockQuietly();
      for (;;) {
        await this.waitForOldHolders();
        this.tries += 1;
        try {
          return await this.session.transaction(async () => {
            waitedMs = await this.lockAll();
            had = process.hrtime.bigint();
            return this.work(fn, waitedMs);
          });
        } catch (error) {
          const miss = this.asMiss(error);
          if (miss.round || performance.now() > roundEnds || this.usedUp()) throw miss;
          const position = await walPosition(this.session);
          await this.wait(miss.because, this.jitter());
          if ((await standbysBehind(this.session, position)) > 0) throw miss;
        }
      }
    });
    return { value, tries: this.tries, waitedMs, heldMs: since(had) };
  }

  async afterMiss(because: string): Promise<void> {
    if (this.usedUp()) throw await this.notHad(because);
    const position = await walPosition(this.session);
    await this.wait(because, this.jitter());
    while ((await standbysBehind(this.session, position)) > 0) {
      if (this.usedUp()) throw await this.notHad('a standby has not replayed the last try');
      await this.wait('a standby has not replayed the last try', 200);
    }
  }

  async writeDown(scope: JournalScope & { object?: string }, had: LocksHad<unknown>): Promise<void> {
    await writeJournal(this.session, scope, {
      kind: 'locks',
      object: scope.object ?? null,
      durationMs: had.heldMs,
      lockWaitMs: had.waitedMs,
      detail: { tries: had.tries, mode: this.request.mode, relations: this.relations.length },
    });
  }

  private async lockQuietly(): Promise<void> {
    const { quietWait } = this.request.budget;
    await this.session.execute(`set local lock_timeout = ${Math.max(1, Math.round(quietWait))}`);
    try {
      await this.session.execute(
        `lock table ${this.request.tables.join(', ')} in share update exclusive mode`,
      );
    } catch (error) {
      this.holders = [];
      const miss = this.asMiss(error, 'a vacuum, an index build or an ALTER holds a table');
      throw new Miss(miss.because, true);
    }
  }

  /**
   * A transaction that is older than `stall` already will hardly end within another `stall`: clients would queue for
   * nothing. Looking costs them nothing, so it looks for a while before it calls that a miss.
   */
  private async waitForOldHolders(): Promise<void> {
    const until = performance.now() + this.request.budget.quietWait;
    for (;;) {
      const all = await lockHolders(this.session, this.relations, this.request.mode);
      this.holders = all.filter((holder) => holder.ageMs !== null && holder.ageMs > this.stall);
      if (this.holders.length === 0) return;
      if (performance.now() >= until || this.outOfTime()) {
        throw new Miss(`held by ${describeHolders(this.holders)}`, true);
      }
      await this.wait(`held by ${describeHolders(this.holders)}`, 25 + 50 * this.random());
    }
  }

  private async lockAll(): Promise<number> {
    await this.session.execute(
      `set local lock_timeout = 0; set local statement_timeout = ${this.patience()}`,
    );
    const started = process.hrtime.bigint();
    await this.session.execute(`lock table ${this.order().join(', ')} in ${this.request.mode} mode`);
    return since(started);
  }

  /**
   * What the work locks beyond what was asked for (a sequence goes with its column) is waited for no longer than what is
   * left of a try: clients queue behind both.
   */
  private async work<T>(fn: () => Promise<T>, waitedMs: number): Promise<T> {
    const timeout = Math.max(1, Math.round(this.request.statementTimeout));
    await this.session.execute(
      `set local statement_timeout = ${timeout}; set local lock_timeout = ${Math.max(1, Math.floor(this.patience() - waitedMs))}`,
    );
    try {
      return await fn();
    } catch (error) {
      // running out of time under the locks is no reason to hold them again
      if (sqlstate(error) === '57014') throw new UnderLocks(error);
      throw error;
    }
  }

  /**
   * Views first, because who reads one has locked it before its tables; the tables as given, then reversed, then
   * shuffled, because clients may lock them in any order. LOCK of a view locks its tables in the view's own order: where
   * clients write in the opposite one that is missed again and again, so every third try has the tables first.
   */
  private order(): string[] {
    const views = this.request.views ?? [];
    const tables = [...this.request.tables];
    if (this.tries === 1) return [...views, ...tables];
    if (this.tries === 2) return [...views, ...tables.reverse()];
    for (let i = tables.length - 1; i > 0; i -= 1) {
      const j = Math.floor(this.random() * (i + 1));
      [tables[i], tables[j]] = [tables[j] as string, tables[i] as string];
    }
    return this.tries % 3 === 0 ? [...tables, ...views] : [...views, ...tables];
  }

  /** Lock not had, deadlock, timeout of the LOCK: a miss. All else is thrown as it is. */
  private asMiss(error: unknown, because = 'clients hold the tables'): Miss {
    if (error instanceof Miss) return error;
    if (error instanceof UnderLocks) throw error.cause;
    this.session.throwIfCancelled();
    if (['55P03', '40P01', '57014'].includes(sqlstate(error) ?? '')) return new Miss(because, false);
    throw error;
  }

  /**
   * ms for this try: a third of `stall`, then two thirds, then all of it. Most locks are had within a few ms. A transaction
   * that has just begun is not old yet, however long it will be: clients queue behind the try that finds that out.
   */
  private patience(): number {
    return Math.max(1, Math.floor((this.stall * Math.min(3, this.tries)) / 3));
  }

  private jitter(): number {
    return Math.max(50, this.stall * (0.5 + 1.5 * this.random()) * Math.min(4, 1 + this.tries / 8));
  }

  private async wait(because: string, ms: number): Promise<void> {
    this.request.onWait?.({ tries: this.tries, because });
    for (let left = ms; left > 0; left -= 1_000) {
      await this.session.pause(Math.min(left, 1_000));
      this.request.onWait?.({ tries: this.tries, because });
    }
  }

  private outOfTime(): boolean {
    return performance.now() - this.started >= this.request.budget.within;
  }

  private usedUp(): boolean {
    return this.tries >= this.request.budget.tries || this.outOfTime();
  }

  private async notHad(because: string): Promise<RekeyError> {
    const holders = this.holders.length
      ? this.holders
      : await lockHolders(this.session, this.relations, this.request.mode);
    const seconds = ((performance.now() - this.started) / 1000).toFixed(1);
    const held = holders.length ? `held by ${describeHolders(holders)}` : because;
    return new RekeyError('Transient', {
      code: 'locks.not-had',
      message: `the locks on ${this.relations.length} tables and views were not to be had in ${this.tries} tries within ${seconds} s; ${held}`,
      remedy: holders.some(({ pid }) => pid === null)
        ? 'A prepared transaction holds them: end it with commit prepared or rollback prepared, as whoever made it knows; then resolve with retry.'
        : 'Wait until these transactions end, or end them: select pg_terminate_backend(<pid>).',
      where: this.request.journal?.object,
    });
  }
}

class UnderLocks extends Error {
  constructor(override readonly cause: unknown) {
    super('the work under the locks ran out of time');
  }
}

function sqlstate(error: unknown): string | undefined {
  return error instanceof RekeyError ? error.sqlstate : undefined;
}

function since(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e6;
}
