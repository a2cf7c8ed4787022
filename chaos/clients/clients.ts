import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../random.js';
import { Attempt, type Group, Numbers, type Operation, type Surroundings } from './attempt.js';
import { type ClientUrls, withClient } from './database.js';
import {
  type RefusedPosition,
  type Retry,
  readEvents,
  type Stall,
  stalls,
  type Taken,
  type TwinRefusal,
  unexplained,
  withoutColumns,
  withoutSwapBack,
  withoutTwin,
} from './journal-times.js';
import { Ledger } from './ledger.js';
import { deleteOperations } from './operations/deletes.js';
import { keyOperations } from './operations/keys.js';
import { ormOperations } from './operations/orm.js';
import { otherOperations } from './operations/others.js';
import { positionOperations } from './operations/positions.js';
import { transactionOperations } from './operations/transactions.js';
import { upsertOperations } from './operations/upserts.js';
import { readState } from './read.js';
import {
  isConnectionLost,
  isKeysMoved,
  isPositionsMoved,
  isTwinDeadlock,
  type Row,
  Session,
} from './session.js';
import type { TableName } from './tables.js';

export interface ClientsOptions {
  urls: ClientUrls;
  /** operations a second of all clients together, beside reports and idle transactions */
  rate: number;
  seed: number;
  /** as the plan says: an upsert may be refused by a unique twin from its building on, with `late` after the last approval only */
  twins: 'early' | 'late';
  /** connections may be lost at any moment; otherwise a lost one is a complaint */
  outages?: boolean;
  /** how long a report holds its locks, 5,000 ms unless said */
  reportMs?: number;
  /** how long a transaction idles, 2,000 ms unless said */
  idleMs?: number;
  /** these groups only */
  groups?: Group[];
}

export interface Report {
  operations: number;
  /** acknowledged, by name of the operation; refused as the schema demands counts */
  byOperation: Record<string, number>;
  /** at a change of the schema */
  retried: number;
  refused: number;
  /** by position, and done with every column named */
  named: number;
  /** 23505 on a unique twin, or the deadlock that it makes possible, while it stands beside its original */
  refusedByTwin: number;
  /** taken back by an outage, or never begun; what was committed unseen counts as acknowledged */
  lost: number;
  /** COMMIT was sent and no answer came, but it was found out */
  decidedLater: number;
  /** what the clients saw go wrong; good is none */
  complaints: string[];
  stalls: Stall[];
  longestStallMs: number;
}

export interface LiveClients {
  readonly ledger: Ledger;
  /** so far, by name of the operation */
  done(): Record<string, number>;
  /** Lets operations under way end, closes the connections, and judges each retry by Rekey's journal. */
  stop(): Promise<Report>;
}

interface GroupSettings {
  as: Exclude<keyof ClientUrls, 'superuser' | 'owner'>;
  /** connections */
  lanes: number;
  /** of the rate */
  share: number;
}

/** What their roles may not read: they have keys translated. */
const unreadable: Partial<Record<Group, TableName[]>> = { tenant: ['customers'], loader: ['accounts'] };

const groups: Record<Group, GroupSettings> = {
  orm: { as: 'app', lanes: 3, share: 0.24 },
  star: { as: 'app', lanes: 1, share: 0.06 },
  position: { as: 'app', lanes: 1, share: 0.05 },
  // all of them at the same moments, on the same values
  upsert: { as: 'app', lanes: 6, share: 0.24 },
  transaction: { as: 'app', lanes: 2, share: 0.12 },
  keys: { as: 'app', lanes: 2, share: 0.1 },
  delete: { as: 'app', lanes: 2, share: 0.08 },
  copy: { as: 'app', lanes: 1, share: 0.02 },
  loader: { as: 'loader', lanes: 1, share: 0.04 },
  tenant: { as: 'tenant', lanes: 1, share: 0.05 },
  // these come by the clock, see every()
  report: { as: 'reporter', lanes: 1, share: 0 },
  idle: { as: 'app', lanes: 1, share: 0 },
};

export const operations: Operation[] = [
  ...ormOperations,
  ...upsertOperations,
  ...transactionOperations,
  ...keyOperations,
  ...deleteOperations,
  ...otherOperations,
  ...positionOperations,
];

/** Answers when all are connected and have begun. */
export async function startClients(options: ClientsOptions): Promise<LiveClients> {
  const clients = new Clients(options);
  await clients.begin();
  return clients;
}

class Clients implements LiveClients {
  readonly ledger = new Ledger();
  private readonly random: () => number;
  private readonly counts: Record<string, number> = {};
  private readonly retries: Retry[] = [];
  private readonly taken: Taken[] = [];
  private readonly seeds = new Map<TableName, Row[]>();
  private readonly numbers: Numbers;
  private readonly loops: Promise<void>[] = [];
  private readonly sums = { operations: 0, refused: 0, lost: 0, decidedLater: 0 };
  private readonly twinRefusals: TwinRefusal[] = [];
  private readonly refusedPositions: RefusedPosition[] = [];
  private longest = 0;
  /** server_version_num */
  private version = 0;
  /** when a check said what NOT NULL says, ms */
  private readonly nullsChecked: number[] = [];
  private ended: Promise<Report> | null = null;
  private readonly stopping = new AbortController();

  constructor(private readonly options: ClientsOptions) {
    this.random = seeded(options.seed);
    const run = `r${options.seed}-${Date.now().toString(36)}`;
    // not of the seed alone: two runs in one database must not bring the same keys
    this.numbers = new Numbers(run, seeded(options.seed ^ Date.now()));
  }

  async begin(): Promise<void> {
    await this.lookAround();
    // every lane sleeps on it
    setMaxListeners(0, this.stopping.signal);
    const wanted = (this.options.groups ?? (Object.keys(groups) as Group[])).filter(
      // before 15 replica role is for superusers
      (group) => group !== 'loader' || this.version >= 150_000,
    );
    const lanes = wanted.flatMap((group) => {
      let next = 0;
      // one count for all lanes of a group: whoever is free takes what is due next
      const take = () => next++;
      return Array.from({ length: groups[group].lanes }, (_, lane) => ({ group, lane, take }));
    });
    const sessions = await Promise.all(
      lanes.map(async ({ group, lane }) => {
        const session = this.session(group, lane);
        await session.open();
        return session;
      }),
    );
    const began = Date.now();
    lanes.forEach(({ group, lane, take }, i) => {
      this.loops.push(this.loop(group, lane, sessions[i] as Session, began, take));
    });
  }

  done(): Record<string, number> {
    return { ...this.counts };
  }

  stop(): Promise<Report> {
    this.ended ??= this.end();
    return this.ended;
  }

  private async end(): Promise<Report> {
    this.stopping.abort();
    await Promise.all(this.loops);
    const events = await readEvents(this.options.urls.superuser);
    for (const text of unexplained(this.retries, events)) this.ledger.complain(text);
    for (const text of withoutSwapBack(this.nullsChecked, events)) this.ledger.complain(text);
    for (const text of withoutColumns(this.refusedPositions, events)) this.ledger.complain(text);
    for (const text of withoutTwin(this.twinRefusals, events, this.options.twins)) this.ledger.complain(text);
    return {
      ...this.sums,
      byOperation: this.done(),
      retried: this.retries.length,
      named: this.refusedPositions.length,
      refusedByTwin: this.twinRefusals.length,
      complaints: [...this.ledger.complaints],
      stalls: stalls(this.taken, events),
      longestStallMs: this.longest,
    };
  }

  /** What stands there is known from now on; what is a seed stays as it is. */
  private async lookAround(): Promise<void> {
    const state = await withClient(this.options.urls.superuser, async (client) => {
      const { rows } = await client.query<{ version: number }>(
        `select current_setting('server_version_num')::integer as version`,
      );
      this.version = rows[0]?.version ?? 0;
      return readState(client);
    });
    for (const row of state.values()) {
      const { table, label, key } = row;
      this.ledger.rows.set(`${table}/${label}`, {
        ...row,
        deleted: false,
        keys: new Set(key === null ? [] : [key]),
      });
      if (!label.startsWith('seed-')) continue;
      const rows = this.seeds.get(table) ?? [];
      rows.push({ table, label, key });
      this.seeds.set(table, rows);
    }
  }

  private session(group: Group, lane: number): Session {
    return new Session(this.options.urls[groups[group].as], {
      name: `${group} ${lane}`,
      patience: this.options.outages ? 20_000 : 0,
      setting: group === 'loader' ? 'set session_replication_role = replica' : undefined,
      unreadable: unreadable[group] ?? [],
    });
  }

  private async loop(
    group: Group,
    lane: number,
    session: Session,
    began: number,
    take: () => number,
  ): Promise<void> {
    const { signal } = this.stopping;
    const around: Surroundings = {
      own: new Map(),
      // keys are looked up by each for itself
      seeds: new Map([...this.seeds].map(([table, rows]) => [table, rows.map((row) => ({ ...row }))])),
      numbers: this.numbers,
      ledger: this.ledger,
      reportMs: this.options.reportMs ?? 5_000,
      idleMs: this.options.idleMs ?? 2_000,
    };
    const deck = this.deck(group);
    const interval = this.every(group, around);
    const together = group === 'upsert' ? groups[group].lanes : 1;
    while (!signal.aborted) {
      const index = take();
      const turn = Math.floor(index / together);
      const due = began + turn * together * interval;
      if (due > Date.now()) await sleep(due - Date.now(), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const operation = deck[turn % deck.length] as Operation;
      const tag = `${this.numbers.run} ${group} ${lane} ${index}`;
      await this.perform(operation, session, around, tag, turn);
      this.time(operation, due, around);
    }
    await session.close();
  }

  /** Each operation as often as it weighs, in an order of chance that comes round: none has to be waited for for long. */
  private deck(group: Group): Operation[] {
    const random = seeded(this.options.seed);
    return operations
      .filter((operation) => operation.group === group)
      .flatMap((operation) => Array.from({ length: operation.weight }, () => ({ operation, at: random() })))
      .sort((a, b) => a.at - b.at)
      .map(({ operation }) => operation);
  }

  /** ms from one to the next */
  private every(group: Group, { reportMs, idleMs }: Surroundings): number {
    if (group === 'report') return 3 * reportMs;
    if (group === 'idle') return 3 * idleMs;
    return 1_000 / (this.options.rate * groups[group].share);
  }

  private time(operation: Operation, due: number, { reportMs, idleMs }: Surroundings): void {
    const own = { report: reportMs, idle: idleMs }[operation.group as string] ?? 0;
    const ended = Date.now() - own;
    this.longest = Math.max(this.longest, ended - due);
    // the short ones say nothing about stalls
    if (ended - due > 20) this.taken.push({ operation: operation.name, due, ended });
  }

  /** Once, once more where the schema has changed, and where the order of columns was refused with their names; each ends in exactly one of the outcomes that are allowed. */
  private async perform(
    operation: Operation,
    session: Session,
    around: Surroundings,
    tag: string,
    turn: number,
  ): Promise<void> {
    this.sums.operations += 1;
    let again = false;
    let named = false;
    for (;;) {
      const attempt = new Attempt(
        session,
        around,
        this.random,
        `${tag}${named ? ' named' : ''}${again ? ' again' : ''}`,
        turn,
        named,
      );
      try {
        if (!session.isOpen) await session.open(60_000);
        await this.send(operation, attempt);
        if (operation.refused) this.complain(operation, 'it was not refused', tag);
        attempt.acknowledged();
        this.count(operation);
        return;
      } catch (error) {
        if (isConnectionLost(error)) return this.afterLoss(operation, session, attempt, error);
        if (operation.byPosition && !named && isPositionsMoved(error)) {
          const { code = '' } = error as { code?: string };
          this.refusedPositions.push({ operation: operation.name, code, at: Date.now() });
          this.count(operation, byPosition);
          named = true;
          continue;
        }
        if (!again && isKeysMoved(error)) {
          const since = session.lookedAt;
          try {
            await session.look();
          } catch (second) {
            return this.afterLoss(operation, session, attempt, second);
          }
          const { code = '' } = error as { code?: string };
          const everything = operation.group === 'star';
          this.retries.push({ operation: operation.name, everything, code, since, until: session.lookedAt });
          again = true;
          continue;
        }
        return this.afterRefusal(operation, error, tag);
      }
    }
  }

  /** With outages all that writes is a transaction with a mark: it says afterwards what became of it. */
  private async send(operation: Operation, attempt: Attempt): Promise<void> {
    const { session } = attempt;
    const marked = this.options.outages && operation.kind !== 'read';
    if (!marked && operation.kind !== 'transaction') {
      await operation.run(attempt);
      return;
    }
    await session.run('begin');
    try {
      if (marked) await session.run('insert into marks (tag) values ($1)', [attempt.tag]);
      await operation.run(attempt);
      await session.run('commit');
    } catch (error) {
      if (!isConnectionLost(error)) await session.run('rollback').catch(() => undefined);
      throw error;
    }
  }

  private afterRefusal(operation: Operation, error: unknown, tag: string): void {
    const { code = '', constraint, column, message } = error as Record<string, string | undefined>;
    const on = constraint ?? column ?? '';
    const { refused } = operation;
    if (refused && code === refused.code && [refused.constraint, `${refused.constraint}_uuid`].includes(on)) {
      this.sums.refused += 1;
      this.count(operation);
    } else if (this.version < 180_000 && refused?.code === '23502' && on.endsWith('_rekey_not_null')) {
      this.nullsChecked.push(Date.now());
      this.sums.refused += 1;
      this.count(operation);
    } else if (operation.upserts && ((code === '23505' && uniqueTwins.has(on)) || isTwinDeadlock(error))) {
      const index = code === '23505' ? on : null;
      this.twinRefusals.push({ operation: operation.name, index, at: Date.now() });
      this.count(operation, byTwin);
    } else {
      this.complain(operation, `${code} ${on} ${message}`, tag);
    }
  }

  private async afterLoss(
    operation: Operation,
    session: Session,
    attempt: Attempt,
    error: unknown,
  ): Promise<void> {
    if (!this.options.outages) {
      this.complain(operation, `the connection was lost: ${(error as Error).message}`, attempt.tag);
      return;
    }
    if (operation.kind === 'read' || operation.refused) {
      this.sums.lost += 1;
      return;
    }
    const committed = await this.wasCommitted(session, attempt.tag);
    if (committed === null) this.complain(operation, 'what became of it could not be found out', attempt.tag);
    else if (committed) {
      this.sums.decidedLater += 1;
      attempt.acknowledged();
      this.count(operation);
    } else this.sums.lost += 1;
  }

  /**
   * Lays its own hand on the mark: waits for the transaction if it is still under way, and keeps it from being committed
   * after this. Null where no server answers for two minutes.
   */
  private async wasCommitted(session: Session, tag: string): Promise<boolean | null> {
    for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
      try {
        await session.open(60_000);
        await session.run('insert into marks (tag, claimed) values ($1, true) on conflict do nothing', [tag]);
        const [mark] = await session.query('select claimed from marks where tag = $1', [tag]);
        return mark?.claimed === false;
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
      }
    }
    return null;
  }

  private count({ name }: Operation, how = ''): void {
    this.counts[name + how] = (this.counts[name + how] ?? 0) + 1;
  }

  private complain(operation: Operation, what: string, tag: string): void {
    this.ledger.complain(
      `${operation.group}: ${operation.name}: ${what} (${tag}, ${new Date().toISOString()})`,
    );
  }
}

/** Stands behind an operation's name where those are counted that a unique twin refused. */
export const byTwin = ': refused by a unique twin';

/** Stands behind an operation's name where those are counted whose columns had to be named. */
export const byPosition = ': refused by position';

/** What stands beside the arbiters of the upserts for a while. */
const uniqueTwins = new Set([
  'entries_account_id_n_key_uuid',
  'codes_pkey_uuid',
  // on the way back
  'legacy_entries_account_id_n_key',
]);
