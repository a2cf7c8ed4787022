import { Client } from 'pg';
import { RekeyError } from '../../src/errors.js';
import type { ConnectedDatabase } from '../postgres/database.js';
import { type Passing, StatementProxy } from './statement-proxy.js';

/** Only settles or journals what the statement before it did. */
const followsOn =
  /^\s*(set|savepoint|release|begin|commit|rollback|lock|insert into rekey\.journal|update rekey\.journal)/i;
/** After a statement that changes nothing the database is what it was before it: that boundary is there already. */
const reads = /^\s*(select|with recursive|show|set)\b/i;
const writes = /rekey\."?\w+"?\s*\(|pg_catalog\.(setval|pg_(try_)?advisory)/i;

const dead = new Error('this worker is dead');

/**
 * Runs work again and again, and each time kills it behind the first statement behind which it was not killed before,
 * until it comes to its end: what a worker does that dies, and its successors. Every other death is the server's, which
 * ends the backend after it has answered; the rest are cuts of the network that swallow the answer, so that the worker does
 * not know whether its statement, or its COMMIT, was done.
 */
export class Deaths {
  readonly boundaries: string[] = [];
  commitsUnanswered = 0;
  private readonly met = new Set<string>();
  private readonly readOnly = new Set<number>();
  /** they are in the transaction of a cutover or of a swap back */
  private readonly cutting = new Set<number>();

  private constructor(
    readonly proxy: StatementProxy,
    private readonly looker: Client,
  ) {}

  static async start(database: ConnectedDatabase): Promise<Deaths> {
    const looker = new Client({ connectionString: database.ownerUrl, application_name: 'test looker' });
    looker.on('error', () => undefined);
    await looker.connect();
    return new Deaths(await StatementProxy.start(database.ownerUrl), looker);
  }

  async stop(): Promise<void> {
    await this.looker.end();
    await this.proxy.stop();
  }

  /** `look` is told after each death; `work` gets a signal that is aborted at its death. Answers as the last try does. */
  async suffer<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    look: (boundary: string) => Promise<void>,
  ): Promise<T> {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const death = this.next(name);
      let answer: T | undefined;
      let failure: unknown = null;
      try {
        answer = await work(death.signal);
      } catch (error) {
        failure = error;
      }
      this.proxy.gate = {};
      if (death.at() === null) {
        if (failure !== null) throw failure;
        return answer as T;
      }
      await this.buried();
      // a lost connection is something that may be tried again
      if (failure !== null && failure !== dead && !(failure instanceof RekeyError && failure.retryable))
        throw failure;
      await look(death.at() as string);
    }
    throw new Error(`${name} never came to its end`);
  }

  private next(name: string): { signal: AbortSignal; at: () => string | null } {
    let at: string | null = null;
    let doomed = false;
    let about = '';
    const aborting = new AbortController();
    const die = () => {
      this.proxy.cutAll();
      aborting.abort(dead);
    };
    this.proxy.gate = {
      before: async ({ pid }) => {
        if (!doomed) return undefined;
        doomed = false;
        // the worker hears from the server that it was ended; nobody else answers it
        this.proxy.refuse();
        aborting.abort(dead);
        await this.looker.query('select pg_terminate_backend($1)', [pid]);
        return undefined;
      },
      after: async (passing) => {
        if (at !== null) return undefined;
        if (!this.counts(passing)) return undefined;
        if (!followsOn.test(passing.text)) about = passing.text;
        const boundary = `${name}: ${passing.text.slice(0, 120)} [${passing.state}] ${about}`;
        if (this.met.has(boundary)) return undefined;
        this.met.add(boundary);
        this.boundaries.push(boundary);
        at = boundary;
        const commit = /^commit/i.test(passing.text);
        if (commit) this.commitsUnanswered += 1;
        if (this.boundaries.length % 2 === 0 && !commit) {
          doomed = true;
          return undefined;
        }
        die();
        return 'swallow';
      },
    };
    return { signal: aborting.signal, at: () => at };
  }

  private counts({ pid, text, state }: Passing & { state: string }): boolean {
    if (/^begin.*read only/i.test(text)) this.readOnly.add(pid);
    if (this.readOnly.has(pid)) {
      if (state === 'I') this.readOnly.delete(pid);
      return false;
    }
    // under the locks of the cutover every statement counts; else those that change something, and their COMMIT
    if (/^lock table [^,]+,.* in access exclusive mode/i.test(text)) this.cutting.add(pid);
    if (state !== 'T') this.cutting.delete(pid);
    if (this.cutting.has(pid)) return true;
    if (/^commit/i.test(text)) return true;
    return !followsOn.test(text) && (!reads.test(text) || writes.test(text));
  }

  /** Its backends have seen that it is gone, and have rolled back. */
  private async buried(): Promise<void> {
    this.proxy.cutAll();
    await this.until(
      `select from pg_stat_activity where datname = current_database() and application_name like 'rekey %'`,
    );
    this.proxy.mend();
  }

  private async until(query: string, values: unknown[] = []): Promise<void> {
    for (const end = Date.now() + 30_000; Date.now() < end; ) {
      const { rowCount } = await this.looker.query(query, values);
      if (rowCount === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error('a backend outlived its worker');
  }
}

/**
 * What the cutover changes in one transaction, and nothing that the online work before and after it does: columns and
 * their types, references, views, policies, triggers, flags, and what the schema rekey says of the phase.
 */
export async function cutoverOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ said: string }>(`
    select string_agg(said, e'\\n' order by said) as said from (
      select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attidentity::text
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as said
      from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
      union all
      select 'constraint ' || conrelid::regclass::text || '.' || conname || ' ' || replace(pg_get_constraintdef(oid), ' NOT VALID', '')
      from pg_constraint where connamespace = 'public'::regnamespace and contype = 'f'
      union all
      select 'view ' || c.relname || ' ' || pg_get_viewdef(c.oid) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
      union all
      select 'policy ' || polrelid::regclass::text || polname || ' ' || pg_get_expr(polqual, polrelid) from pg_policy
      union all
      select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
      union all
      select 'flag ' || name || enabled from rekey.flag
      union all
      select 'phase ' || phase || cut_over from rekey.phase
      union all
      select 'member ' || table_name || '.' || shadow || state from rekey.member
    ) x`);
  return rows[0]?.said as string;
}
