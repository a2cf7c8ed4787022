import { Client } from 'pg';
import { seeded } from '../chaos/random.js';
import { AccountKeys, type Translator } from './account-keys.js';
import { Ledger } from './ledger.js';
import { type Operation, Operations, send } from './operations.js';
import type { Sizes } from './rows.js';

export interface LoadOptions {
  url: string;
  sizes: Sizes;
  /** operations a second */
  rate: number;
  connections: number;
  seed: number;
  translator: Translator;
}

/** Of one operation, ms since the epoch. */
export interface Timing {
  scheduled: number;
  ended: number;
}

export interface Load {
  ledger: Ledger;
  timings: Timing[];
  operations: () => number;
  failures: { at: number; operation: string; code: string; message: string }[];
  retried: () => number;
  /** no more operations; answers when those that are under way or queued have ended */
  pause(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

/**
 * An open loop: operations are due at fixed times, whatever the database does, and the time of each counts from when it
 * was due. A client whose key has another type than it thought asks for the new key and tries again, once for each cutover; any
 * other error is a failed operation.
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const load = new Clients(options);
  await load.connect();
  load.resume();
  return load;
}

interface Due {
  at: number;
  operation: Operation;
}

class Clients implements Load {
  readonly ledger = new Ledger();
  readonly timings: Timing[] = [];
  readonly failures: Load['failures'] = [];
  private readonly keys: AccountKeys;
  private readonly choose: Operations;
  private readonly busy = new Set<string>();
  private readonly idle: Client[] = [];
  private readonly all: Client[] = [];
  private readonly queue: Due[] = [];
  private timer: NodeJS.Timeout | null = null;
  private nextAt = 0;
  private underWay = 0;
  private ended = 0;
  private again = 0;

  constructor(private readonly options: LoadOptions) {
    this.keys = new AccountKeys(options.sizes.accounts, options.translator);
    this.choose = new Operations(options.sizes, this.keys, this.ledger, seeded(options.seed), this.busy);
  }

  async connect(): Promise<void> {
    for (let n = 0; n < this.options.connections; n += 1) {
      const client = new Client({ connectionString: this.options.url, application_name: 'bench client' });
      client.on('error', () => undefined);
      await client.connect();
      this.idle.push(client);
      this.all.push(client);
    }
  }

  operations = () => this.ended;
  retried = () => this.again;

  resume(): void {
    this.nextAt = Date.now();
    this.tick();
  }

  async pause(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    while (this.underWay > 0 || this.queue.length > 0) await new Promise((r) => setTimeout(r, 10));
  }

  async stop(): Promise<void> {
    await this.pause();
    await Promise.all(this.all.map((client) => client.end().catch(() => undefined)));
  }

  private tick(): void {
    for (const now = Date.now(); this.nextAt <= now; this.nextAt += 1000 / this.options.rate) {
      const operation = this.choose.next();
      if (operation.writes) this.busy.add(nameOf(operation.writes));
      this.queue.push({ at: this.nextAt, operation });
    }
    this.hand();
    this.timer = setTimeout(() => this.tick(), Math.max(1, this.nextAt - Date.now()));
  }

  private hand(): void {
    while (this.queue.length > 0 && this.idle.length > 0) {
      const client = this.idle.pop() as Client;
      const due = this.queue.shift() as Due;
      this.underWay += 1;
      void this.run(client, due).then(() => {
        this.underWay -= 1;
        this.idle.push(client);
        this.hand();
      });
    }
  }

  private async run(client: Client, { at, operation }: Due): Promise<void> {
    try {
      operation.acknowledged(await this.sendAgain(client, operation));
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      this.failures.push({ at: Date.now(), operation: operation.name, code, message });
      if (operation.writes) this.ledger.unsure(operation.writes.table, operation.writes.row);
    }
    if (operation.writes) this.busy.delete(nameOf(operation.writes));
    this.ended += 1;
    this.timings.push({ scheduled: at, ended: Date.now() });
  }

  /** Once more for each cutover that it meets: the one way and, for who began just before it, the way back. */
  private async sendAgain(client: Client, operation: Operation) {
    for (let cutovers = 1; ; cutovers += 1) {
      try {
        return await send(client, operation, this.valuesOf(operation));
      } catch (error) {
        if ((error as { code?: string }).code !== wrongType || cutovers > 2) throw error;
      }
      this.again += 1;
      for (const value of operation.values)
        if (value !== null && typeof value === 'object') await this.keys.translate(client, value.account);
    }
  }

  private valuesOf(operation: Operation): (string | null)[] {
    return operation.values.map((v) => (v !== null && typeof v === 'object' ? this.keys.of(v.account) : v));
  }
}

/** invalid_text_representation: a UUID where a number is wanted, or the other way round */
const wrongType = '22P02';

function nameOf({ table, row }: NonNullable<Operation['writes']>): string {
  return `${table} ${row}`;
}
