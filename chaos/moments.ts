import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Moment } from './schedule.js';
import type { Stage } from './stage.js';

/**
 * Tells when a moment has come. Steps are seen by the names of their sessions, every few milliseconds: the cutover is
 * a matter of fifty. A moment that never comes (a step that ended between two looks, or before) is not an error.
 */
export class Moments {
  private readonly began = Date.now();
  private readonly seen = new Map<string, () => void>();
  private over = false;
  private readonly watching: Promise<void>;

  constructor(
    private readonly stage: Stage,
    private readonly database: string,
  ) {
    this.watching = this.watch();
  }

  /** True once it has come; false where everything was over before, or nobody waits for it any more. */
  async come(moment: Moment, given: AbortSignal = new AbortController().signal): Promise<boolean> {
    const over = () => this.over || given.aborted;
    if ('afterMs' in moment) {
      while (!over() && Date.now() < this.began + moment.afterMs) await sleep(20);
    } else {
      await new Promise<void>((resolve) => {
        given.addEventListener('abort', () => resolve());
        const what = `${moment.phase} ${moment.step}`;
        const before = this.seen.get(what);
        this.seen.set(what, () => {
          before?.();
          resolve();
        });
        if (over()) resolve();
      });
      if (!over()) await sleep(moment.plusMs);
    }
    return !over();
  }

  async stop(): Promise<void> {
    this.over = true;
    for (const resolve of this.seen.values()) resolve();
    await this.watching;
  }

  private async watch(): Promise<void> {
    while (!this.over) {
      const url = new URL(this.stage.postgres.superuserUrl);
      url.pathname = `/${this.database}`;
      const client = new Client({ connectionString: url.href, connectionTimeoutMillis: 2_000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!this.over) {
          if (this.seen.size === 0) {
            await sleep(100);
            continue;
          }
          const { rows } = await client.query<{ name: string }>(
            `select application_name as name from pg_stat_activity
             where datname = current_database() and application_name like 'rekey %'`,
          );
          for (const [what, resolve] of this.seen) {
            if (!rows.some(({ name }) => `${name} `.startsWith(`rekey ${what} `))) continue;
            this.seen.delete(what);
            resolve();
          }
          await sleep(10);
        }
      } catch {
        await sleep(50);
      } finally {
        client.end().catch(() => undefined);
      }
    }
  }
}
