import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../random.js';
import { type Group, Numbers, type Operation, type Surroundings } from './attempt.js';
import { type ClientUrls, withClient } from './database.js';
import { deckOf, groups, intervalOf, unreadable } from './groups.js';
import {
  noStall,
  readEvents,
  type Stall,
  stalls,
  type Taken,
  unexplained,
  withoutColumns,
  withoutSwapBack,
  withoutTwin,
} from './journal-times.js';
import { Ledger } from './ledger.js';
import { Performer } from './perform.js';
import { readState } from './read.js';
import { type Row, Session } from './session.js';
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

/** Answers when all are connected and have begun. */
export async function startClients(options: ClientsOptions): Promise<LiveClients> {
  const clients = new Clients(options);
  await clients.begin();
  return clients;
}

class Clients implements LiveClients {
  readonly ledger = new Ledger();
  private readonly performer: Performer;
  private readonly taken: Taken[] = [];
  private readonly seeds = new Map<TableName, Row[]>();
  private readonly standing: Row[] = [];
  private readonly numbers: Numbers;
  private readonly loops: Promise<void>[] = [];
  private longest = 0;
  /** server_version_num */
  private version = 0;
  private ended: Promise<Report> | null = null;
  private readonly stopping = new AbortController();

  constructor(private readonly options: ClientsOptions) {
    this.performer = new Performer(this.ledger, {
      outages: options.outages ?? false,
      random: seeded(options.seed),
      version: () => this.version,
    });
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
    return { ...this.performer.counts };
  }

  stop(): Promise<Report> {
    this.ended ??= this.end();
    return this.ended;
  }

  private async end(): Promise<Report> {
    this.stopping.abort();
    await Promise.all(this.loops);
    const events = await readEvents(this.options.urls.superuser);
    for (const text of unexplained(this.performer.retries, events)) this.ledger.complain(text);
    for (const text of withoutSwapBack(this.performer.nullsChecked, events)) this.ledger.complain(text);
    for (const text of withoutColumns(this.performer.refusedPositions, events)) this.ledger.complain(text);
    for (const text of withoutTwin(this.performer.twinRefusals, events, this.options.twins))
      this.ledger.complain(text);
    return {
      ...this.performer.sums,
      byOperation: this.done(),
      retried: this.performer.retries.length,
      named: this.performer.refusedPositions.length,
      refusedByTwin: this.performer.twinRefusals.length,
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
      if (label.startsWith('standing-')) this.standing.push({ table, label, key });
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
      own: new Map([['standing', this.standing.map((row) => ({ ...row }))]]),
      // keys are looked up by each for itself
      seeds: new Map([...this.seeds].map(([table, rows]) => [table, rows.map((row) => ({ ...row }))])),
      numbers: this.numbers,
      ledger: this.ledger,
      reportMs: this.options.reportMs ?? 5_000,
      idleMs: this.options.idleMs ?? 2_000,
    };
    const deck = deckOf(group, this.options.seed);
    const interval = intervalOf(group, this.options.rate, around);
    const together = group === 'upsert' ? groups[group].lanes : 1;
    while (!signal.aborted) {
      const index = take();
      const turn = Math.floor(index / together);
      const due = began + turn * together * interval;
      if (due > Date.now()) await sleep(due - Date.now(), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const operation = deck[turn % deck.length] as Operation;
      const tag = `${this.numbers.run} ${group} ${lane} ${index}`;
      await this.performer.perform(operation, session, around, tag, turn);
      this.time(operation, due, around);
    }
    await session.close();
  }

  private time(operation: Operation, due: number, { reportMs, idleMs }: Surroundings): void {
    const own = { report: reportMs, idle: idleMs }[operation.group as string] ?? 0;
    const ended = Date.now() - own;
    this.longest = Math.max(this.longest, ended - due);
    if (ended - due > noStall) this.taken.push({ operation: operation.name, due, ended });
  }
}
