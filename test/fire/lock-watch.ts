import { Client } from 'pg';
import type { ConnectedDatabase } from '../postgres/database.js';
import { type Passing, StatementProxy } from './statement-proxy.js';

/** A lock that a statement of Rekey's took on something of the application's, and that its session did not have before. */
export interface Taken {
  step: string;
  statement: string;
  relation: string;
  /** r table, i index, S sequence, v view */
  kind: string;
  mode: string;
  /** this session had SHARE UPDATE EXCLUSIVE or more on it by then, for which no client waits */
  quietly: boolean;
  /** ms, of the session at this moment; null where it was not asked (weak locks) */
  lockTimeout: number | null;
  statementTimeout: number | null;
  /** the same session has ACCESS EXCLUSIVE on a table of the application's */
  underTable: boolean;
  /** for a LOCK: the first statement under it */
  next?: string;
}

const weak = ['AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock'];
/** From the one that lets most pass to the one that lets nothing pass. */
export const modes = [...weak, 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'];
export const isStrong = (mode: string) => !weak.includes(mode);

/** These can't run inside of a transaction: what they hold is sampled while they run. */
const alone = /\bconcurrently\b|^\s*vacuum/i;
const ownTransaction = /^\s*(begin|commit|rollback|start transaction)/i;

/**
 * Looks into pg_locks after every statement of Rekey's, from a session of its own. A statement outside of a
 * transaction is given one by the proxy, which ends when the locks were seen.
 */
export class LockWatch {
  step = '';
  readonly taken: Taken[] = [];
  statements = 0;
  readonly errors: unknown[] = [];
  private readonly locking = new Map<number, Taken[]>();
  private readonly held = new Map<number, Map<string, string[]>>();
  private readonly harmless = new Map<string, number>();
  private readonly wrapped = new Set<number>();
  private readonly samplers = new Map<number, () => Promise<void>>();

  private constructor(
    private readonly proxy: StatementProxy,
    private readonly database: ConnectedDatabase,
    private readonly looker: Client,
  ) {}

  static async start(database: ConnectedDatabase, application = /^rekey |^pg_dump/): Promise<LockWatch> {
    const proxy = await StatementProxy.start(database.ownerUrl);
    // pg_locks shows everybody everything
    const looker = new Client({ connectionString: database.ownerUrl, application_name: 'test looker' });
    looker.on('error', () => undefined);
    await looker.connect();
    const watch = new LockWatch(proxy, database, looker);
    proxy.gate = {
      application,
      before: (passing) => watch.before(passing),
      after: (passing) => watch.after(passing),
    };
    return watch;
  }

  get url(): string {
    return this.proxy.through(this.database.ownerUrl);
  }

  async stop(): Promise<void> {
    await this.looker.end();
    await this.proxy.stop();
  }

  private async before(passing: Passing): Promise<undefined> {
    await this.begin(passing).catch((error) => this.errors.push(error));
    return undefined;
  }

  private async after(passing: Passing & { state: string }): Promise<undefined> {
    await this.end(passing).catch((error) => this.errors.push(error));
    return undefined;
  }

  private async begin(passing: Passing): Promise<void> {
    const { pid, text } = passing;
    if (alone.test(text)) this.sample(passing);
    else if (!this.held.has(pid) && !ownTransaction.test(text) && !this.isKnown(text)) {
      await passing.ask('begin');
      this.wrapped.add(pid);
    }
  }

  private async end(passing: Passing & { state: string }): Promise<void> {
    const { pid, text, state } = passing;
    this.statements += 1;
    this.tellNext(passing);
    const sampler = this.samplers.get(pid);
    if (sampler) {
      this.samplers.delete(pid);
      await sampler();
    }
    if (state === 'I') this.held.delete(pid);
    else if (state === 'T') {
      if (this.isKnown(text) && this.held.has(pid)) return;
      const before = this.taken.length;
      await this.look(passing);
      const key = `${this.step} ${text}`;
      this.harmless.set(key, this.taken.length === before ? (this.harmless.get(key) ?? 0) + 1 : 0);
    }
    if (this.wrapped.delete(pid)) {
      await passing.ask(state === 'T' ? 'commit' : 'rollback');
      this.held.delete(pid);
    }
  }

  /** The same statement took nothing new three times in this step: settings, savepoints, the journal. */
  private isKnown(text: string): boolean {
    return (this.harmless.get(`${this.step} ${text}`) ?? 0) >= 3;
  }

  /** What is new since this session's last statement. */
  private async look(passing: Passing): Promise<void> {
    const before = this.held.get(passing.pid) ?? new Map<string, string[]>();
    const now = new Map<string, string[]>();
    const fresh: Taken[] = [];
    let settings: Record<string, string | null> | undefined;
    const all = await this.locksOf(passing.pid);
    const tables = new Set(all.filter(({ kind }) => kind === 'r').map(({ relation }) => relation));
    for (const { relation, kind, mode } of all) {
      now.set(relation, [...(now.get(relation) ?? []), mode]);
      const had = before.get(relation) ?? [];
      // what is under ACCESS EXCLUSIVE already waits for nobody any more
      if (had.includes(mode) || had.includes('AccessExclusiveLock')) continue;
      if (isStrong(mode))
        settings ??= (
          await passing.ask(
            `select (select setting from pg_catalog.pg_settings where name = 'lock_timeout') as locks,
               (select setting from pg_catalog.pg_settings where name = 'statement_timeout') as statements`,
          )
        )[0];
      const taken: Taken = {
        step: this.step,
        statement: passing.text,
        relation,
        kind,
        mode,
        underTable: [...before].some(
          ([name, held]) => tables.has(name) && held.includes('AccessExclusiveLock'),
        ),
        quietly: had.some((m) => modes.indexOf(m) >= 3),
        lockTimeout: settings ? Number(settings.locks) : null,
        statementTimeout: settings ? Number(settings.statements) : null,
      };
      this.taken.push(taken);
      if (/^lock table/i.test(passing.text) && isStrong(mode)) fresh.push(taken);
    }
    if (fresh.length) this.locking.set(passing.pid, fresh);
    this.held.set(passing.pid, now);
  }

  /** What a LOCK was for: the first statement after it that is neither a setting nor the journal's. */
  private tellNext({ pid, text }: Passing): void {
    const waiting = this.locking.get(pid);
    if (!waiting || /^(set|lock|release|rollback|savepoint|insert into rekey)/i.test(text)) return;
    this.locking.delete(pid);
    for (const taken of waiting) taken.next = text;
  }

  private sample(passing: Passing): void {
    const { step } = this;
    const { pid, text } = passing;
    const found = new Set<string>();
    let running = true;
    const loop = (async () => {
      while (running) {
        for (const { relation, kind, mode } of await this.locksOf(pid)) {
          const key = `${relation} ${mode}`;
          if (found.has(key)) continue;
          found.add(key);
          this.taken.push({
            step,
            statement: text,
            relation,
            kind,
            mode,
            quietly: false,
            underTable: false,
            lockTimeout: null,
            statementTimeout: null,
          });
        }
      }
    })();
    this.samplers.set(pid, async () => {
      running = false;
      await loop;
    });
  }

  /** Of the application's relations that others can see. */
  private async locksOf(pid: number): Promise<{ relation: string; kind: string; mode: string }[]> {
    const { rows } = await this.looker.query(
      `select l.relation::regclass::text as relation, c.relkind::text as kind, l.mode
       from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
       where l.pid = $1 and l.granted and l.locktype = 'relation' and n.nspname = 'public'
         and l.database = (select oid from pg_database where datname = current_database())`,
      [pid],
    );
    return rows;
  }
}
