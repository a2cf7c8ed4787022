import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { Client, type WorkflowHandle } from '@temporalio/client';
import type { Activities } from '../../activities/contract.js';
import { createActivities } from '../../activities/create.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { dumpOf } from '../activities/reference-database.js';
import { freshDatabase, sharedPostgres, type TestDatabase, temporalForTests } from '../servers.js';
import { approve, Harness, type RunningWorker, statusOf } from './harness.js';

/** Two tables, for tests of where a phase goes and not of what it moves. */
export const peopleAndOrders = `
create table people (id serial primary key, name text not null);
create table orders (id serial primary key, person_id integer not null references people);
insert into people (name) select 'p' || n from generate_series(1, 50) n;
insert into orders (person_id) select n from generate_series(1, 50) n;
`;

export const onePhase = `version: 1
plan: shop
backup: { external: snapshot-of-tonight }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
`;

/** Real activities on real databases under the real Temporal, and a call that can be held before it begins or after its work. */
export interface Held {
  /** the call is held; what came before it is done */
  reached: Promise<void>;
  release(): void;
}

interface Hold {
  entry: string;
  when: 'before' | 'after' | 'silent';
  reach: () => void;
  released: Promise<void>;
}

export interface Shop {
  connection: string;
  database: TestDatabase;
  dump(): Promise<string>;
}

const version = 18;

export class RealPhases {
  private readonly holds = new Map<string, Hold>();
  private readonly releases: (() => void)[] = [];
  private readonly databases: TestDatabase[] = [];
  private readonly set = new Map<string, string | undefined>();
  private readonly folder = mkdtempSync(join(tmpdir(), 'rekey-real-'));
  private readonly worker_: { now: RunningWorker | null } = { now: null };
  readonly taskQueue = 'rekey';

  private constructor(
    readonly harness: Harness,
    private readonly template: TestDatabase,
  ) {}

  /** Lays the foundation of this plan (named shop) once; each shop is a copy of that database. */
  static async open(plan: string, schema: string): Promise<RealPhases> {
    const [harness, template] = await Promise.all([
      temporalForTests({ ownNamespace: true }).then((server) => Harness.start(server)),
      freshDatabase(version),
    ]);
    const real = new RealPhases(harness, template);
    await template.query(schema);
    writeFileSync(join(real.folder, 'shop.yaml'), plan);
    real.environment('REKEY_PLANS', real.folder);
    real.environment('REKEY_BACKUPS', join(real.folder, 'backups'));
    real.environment('REKEY_PATIENCE_SECONDS', '20');
    await real.work();
    const laid = await real.start('runPhase', real.shopOf(template), 'foundation');
    const result = laid.result();
    // a plan that is wrong ends it at once, and nobody would ever be asked
    await Promise.race([result, hashOf(laid).then((hash) => approve(laid, 'after', 'ann', 0, hash))]);
    await result;
    return real;
  }

  get client(): Client {
    return this.harness.client;
  }

  get clientOfWorker(): Client {
    const { connection, namespace } = { connection: this.harness.connection, ...this.harness.server };
    return new Client({ connection, namespace });
  }

  async work(): Promise<void> {
    const activities = () => this.held(createActivities(this.clientOfWorker));
    this.worker_.now = await this.harness.worker({ activities }, this.taskQueue);
  }

  /** A worker of another version: these activities it does not have. */
  async lacking(names: string[]): Promise<RunningWorker> {
    const all = Object.entries(createActivities(this.clientOfWorker));
    const activities = Object.fromEntries(all.filter(([name]) => !names.includes(name)));
    return this.harness.worker({ activities: () => activities } as never, this.taskQueue);
  }

  async rest(): Promise<void> {
    await this.worker_.now?.stop();
    this.worker_.now = null;
  }

  /** A copy of the database with its foundation. */
  async shop(): Promise<Shop> {
    const server = await sharedPostgres(version);
    const database = await freshDatabase(version);
    const admin = await import('pg').then(({ Client: Postgres }) => new Postgres(server.superuserUrl));
    await admin.connect();
    await admin.query(`drop database ${database.name}`);
    await admin.query(`create database ${database.name} template ${this.template.name} owner rekey_owner`);
    await admin.end();
    this.databases.push(database);
    return this.shopOf(database);
  }

  private shopOf(database: TestDatabase): Shop {
    const connection = database.name.replaceAll('_', '-');
    this.environment(connectionVariable(connection), database.ownerUrl);
    return { connection, database, dump: () => dumpOf(database.ownerUrl, version) };
  }

  environment(name: string, value: string): void {
    if (!this.set.has(name)) this.set.set(name, process.env[name]);
    process.env[name] = value;
  }

  /**
   * The next call of this activity for this shop waits: before it begins, with all its work done and no answer given, or
   * before it begins and without a word, so that it is given up for dead.
   */
  hold({ connection }: Shop, entry: string, when: Hold['when']): Held {
    let release = () => {};
    let reach = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    this.holds.set(connection, { entry, when, reach, released });
    this.releases.push(release);
    return { reached, release };
  }

  private held(activities: Activities): Activities {
    return Object.fromEntries(
      Object.entries(activities).map(([name, call]) => [
        name,
        async (input: { connection?: string; when?: string; gate?: string }) => {
          const hold = this.holds.get(input.connection ?? '');
          const entry = [name, input.when ?? (name === 'openGate' ? input.gate : '')].join(' ').trim();
          const mine = hold && (hold.entry === name || hold.entry === entry) ? hold : null;
          if (mine) this.holds.delete(input.connection ?? '');
          if (mine && mine.when !== 'after') await waits(mine);
          const result = await (call as (given: unknown) => Promise<unknown>)(input);
          if (mine?.when === 'after') await waits(mine);
          return result;
        },
      ]),
    ) as unknown as Activities;
  }

  async start(type: string, shop: Shop, phase: string | null, id?: string): Promise<WorkflowHandle> {
    const workflowId = id ?? (phase ? `${shop.connection}/${phase}` : shop.connection);
    return this.client.workflow.start(type, {
      workflowId,
      taskQueue: this.taskQueue,
      args: [{ plan: 'shop', connection: shop.connection, ...(phase ? { phase } : {}) }],
    });
  }

  async close(): Promise<void> {
    this.holds.clear();
    for (const release of this.releases) release();
    for await (const { workflowId } of this.client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
      await this.client.workflow
        .getHandle(workflowId)
        .terminate('the test is over')
        .catch(() => undefined);
    await this.rest();
    for (const database of [...this.databases, this.template]) await database.drop();
    await this.harness.stop();
    for (const [name, value] of this.set)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function waits({ reach, released, when }: Hold): Promise<void> {
  const context = Context.current();
  if (when === 'silent') {
    reach();
    await released;
    throw new Error('given up for dead');
  }
  const beat = setInterval(() => context.heartbeat(), 300);
  reach();
  try {
    await Promise.race([released, context.cancelled]);
  } finally {
    clearInterval(beat);
  }
}

/** A phase's hash, as soon as it is known. */
export async function hashOf(handle: WorkflowHandle): Promise<string> {
  for (;;) {
    const { planHash } = await statusOf(handle);
    if (planHash !== 'unknown' && planHash !== '') return planHash;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Approves what waits, with what `status` says of it. */
export async function approveReal(handle: WorkflowHandle, checkpoint: string, by = 'ann'): Promise<number> {
  return approve(handle, checkpoint, by, 0, await hashOf(handle));
}
