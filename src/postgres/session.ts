import type { Client } from 'pg';
import { RekeyError } from '../errors.js';
import { fromPostgres } from './from-postgres.js';

export interface Result<R = Record<string, unknown>> {
  rows: R[];
  /** rows that the statement returned or changed */
  count: number;
  /** PostgreSQL's command tag, as COMMIT */
  command: string;
}

/** After these nothing can be sent on the connection any more. */
const gone = new Set(['connection.lost', 'connection.ended', 'connection.no-answer']);

/** How catalog readers are handed the database: rows of one query. */
export type Query = <R = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<R[]>;

/**
 * One direct connection, used by one caller at a time. Errors of PostgreSQL come out as RekeyError. bigint and numeric
 * come as text, as pg gives them: cast counts to float8 in the query or turn them with Number.
 */
export class Session {
  private depth = 0;
  private aborted: AbortSignal | null = null;
  private lost: Error | null = null;

  constructor(
    private readonly client: Client,
    /** name of the connection */
    readonly connection: string,
    readonly purpose: string,
    /** process id of the backend */
    readonly pid: number,
    /** server_version_num, as 180006 */
    readonly version: number,
    /** opens another session on the same connection: for cancelling and for journalling beside this one */
    readonly another: (purpose: string) => Promise<Session>,
  ) {
    // without a listener an idle connection that the server ends would end the process
    client.on('error', (error) => {
      this.lost = fromPostgres(error, { connection: this.connection });
    });
  }

  get inTransaction(): boolean {
    return this.depth > 0;
  }

  /** Rows of one statement. */
  readonly query: Query = async <R>(text: string, values?: unknown[]) =>
    (await this.execute<R>(text, values)).rows;

  /** Exactly one row; more or less is a bug of ours. */
  async one<R = Record<string, unknown>>(text: string, values?: unknown[]): Promise<R> {
    const { rows } = await this.execute<R>(text, values);
    if (rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`);
    return rows[0] as R;
  }

  async execute<R = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Result<R>> {
    if (this.aborted?.aborted) throw this.aborted.reason;
    return this.send<R>(text, values);
  }

  /** Throws the reason of the cancellation, if one was asked for: for loops that wait without a statement. */
  throwIfCancelled(): void {
    this.aborted?.throwIfAborted();
  }

  /** Waits in small steps, so that a cancellation is noticed within 50 ms. */
  async pause(ms: number): Promise<void> {
    for (const until = performance.now() + ms; performance.now() < until; ) {
      this.throwIfCancelled();
      await new Promise((resolve) =>
        setTimeout(resolve, Math.min(50, Math.max(1, until - performance.now()))),
      );
    }
    this.throwIfCancelled();
  }

  /** For letting go of what is held: sent after a cancellation, too, and an error is no news. */
  async letGo(text: string, values?: unknown[]): Promise<void> {
    await this.send(text, values).catch(() => undefined);
  }

  /**
   * BEGIN, `fn`, COMMIT; ROLLBACK where `fn` throws. Inside a transaction it is a savepoint. `options` are words for
   * BEGIN, as `isolation level repeatable read read only`; they are ignored in a savepoint.
   */
  async transaction<T>(fn: () => Promise<T>, options = ''): Promise<T> {
    const savepoint = this.depth > 0 ? `rekey_${this.depth}` : null;
    await this.execute(savepoint ? `savepoint ${savepoint}` : `begin ${options}`.trimEnd());
    this.depth += 1;
    try {
      const value = await fn();
      if (savepoint) await this.execute(`release savepoint ${savepoint}`);
      else await this.commit();
      return value;
    } catch (error) {
      // a lost connection has rolled back by itself; the first error is the one to tell
      await this.letGo(
        savepoint ? `rollback to savepoint ${savepoint}; release savepoint ${savepoint}` : 'rollback',
      );
      throw error;
    } finally {
      this.depth -= 1;
    }
  }

  /**
   * Runs `fn`; when `signal` is aborted, what this session runs is cancelled by pg_cancel_backend from a second
   * connection, nothing more is sent, and the signal's reason is thrown once `fn` has come to its end. Where no second
   * connection is to be had, this one is cut.
   */
  async cancellable<T>(signal: AbortSignal, fn: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    let cancelling: Promise<void> | null = null;
    let settled = false;
    const onAbort = () => {
      cancelling = this.cancelUntil(() => settled).catch(() => {
        // no second connection to be had: without ours the server ends the statement by itself within seconds
        if (!settled) this.destroy();
      });
    };
    const outer = this.aborted;
    this.aborted = signal;
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await fn();
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      settled = true;
      this.aborted = outer;
      signal.removeEventListener('abort', onAbort);
      await cancelling;
    }
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }

  private destroy(): void {
    (
      this.client as unknown as { connection: { stream: { destroy: () => void } } }
    ).connection.stream.destroy();
  }

  /** A COMMIT of a transaction in which a statement failed answers ROLLBACK, and that is no success. */
  private async commit(): Promise<void> {
    const { command } = await this.execute('commit');
    if (command !== 'COMMIT')
      throw new Error('a transaction in which a statement had failed was to be committed');
  }

  private async cancelUntil(settled: () => boolean): Promise<void> {
    const other = await this.another('cancel');
    try {
      // again and again: the first may fall between two statements
      while (!settled()) {
        await other.execute('select pg_catalog.pg_cancel_backend($1::integer)', [this.pid]);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } finally {
      await other.close();
    }
  }

  private async send<R>(text: string, values?: unknown[]): Promise<Result<R>> {
    if (this.lost) throw this.lost;
    try {
      const answer = await this.client.query(text, values);
      // several statements in one text give an array of results
      const last = (Array.isArray(answer) ? answer.at(-1) : answer) as unknown as {
        rows: R[];
        rowCount: number | null;
        command: string;
      };
      return { rows: last.rows ?? [], count: last.rowCount ?? 0, command: last.command };
    } catch (error) {
      const converted = fromPostgres(error, { connection: this.connection });
      if (converted instanceof RekeyError && gone.has(converted.code)) this.lost ??= converted;
      throw converted;
    }
  }
}
