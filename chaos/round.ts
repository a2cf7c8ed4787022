import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Faults, type Target } from './faults.js';
import { Moments } from './moments.js';
import { type Ending, Operator } from './operator.js';
import { Final, insist } from './patience.js';
import { difference, dumpOf, leftovers, unexpected } from './proof.js';
import { seeded } from './random.js';
import type { Schedule } from './schedule.js';
import type { LoadVerdict, Setting } from './setting.js';
import type { Stage } from './stage.js';

/** The bytes of the schema in each state that a round may end in, from a run that nobody disturbed. */
export interface Expected {
  before: string;
  kept: string;
  cleanedUp: string;
}

export interface RoundResult {
  /** what must not be; none is good */
  complaints: string[];
  /** how it ended: the outcomes of its workflows in their order */
  outcomes: string[];
  parked: string[];
  operations: number;
  retried: number;
  /** faults whose moment came */
  struck: number;
  seconds: number;
}

export interface RoundOptions {
  stage: Stage;
  setting: Setting;
  /** the database that this one is copied from */
  base: string;
  expected: Expected;
  schedule: Schedule;
  say: (text: string) => void;
  /** ms that each workflow may take; generous, because an outage costs a heartbeat's timeout each time */
  patience?: number;
}

/** One phase, under its clients, with everything breaking around it; then the proof. */
export async function playRound(options: RoundOptions): Promise<RoundResult> {
  const { stage, setting, base, schedule, expected, say } = options;
  const began = Date.now();
  const database = `chaos_${schedule.seed}_${began.toString(36)}`;
  const random = seeded(schedule.seed + 1);
  const clocks = [...schedule.clocks];
  const operator = new Operator(stage, say);
  const id = `${database}/${setting.phase}`;
  const logBefore = stage.workerLog.length;
  await prepare(stage, setting, database, base);
  for (const clock of clocks) stage.startWorker(clock);
  const load = await setting.startLoad(stage, database, schedule.seed);
  const moments = new Moments(stage, database);
  let open = id;
  const target: Target = {
    stage,
    database,
    clock: () => clocks[Math.floor(random() * clocks.length)] ?? 0,
    signal: (name) => operator.signal(open, name),
  };
  const faults = new Faults(target);
  let struck = 0;
  const complaints: string[] = [];
  const strikes = schedule.strikes.map(async (strike) => {
    if (!(await moments.come(strike.at))) return;
    struck += 1;
    say(`${strike.fault}, for ${strike.forMs} ms`);
    await faults.strike(strike);
  });
  const outcomes: string[] = [];
  const phase = { phase: setting.phase };
  const ms = options.patience ?? 180_000;
  const note = (ending: Ending) => {
    outcomes.push(ending.outcome ?? `${ending.status}${ending.why ? `: ${ending.why}` : ''}`);
    return ending;
  };
  const see = async (workflowId: string) => {
    open = workflowId;
    const rejects = { rejected: 'before-swap', 'swapped-back': 'after-swap' }[schedule.story as string];
    return note(
      await operator.see(workflowId, (checkpoint) => (checkpoint === rejects ? 'reject' : 'approve'), ms),
    );
  };
  const run = async (type: string, workflowId: string, what: object = phase) => {
    open = workflowId;
    await operator.start(type, workflowId, what);
    return see(workflowId);
  };
  let state: keyof Expected | null = null;
  let verdict: LoadVerdict = { complaints: [], operations: 0, retried: 0 };
  try {
    state = await tell();
  } catch (error) {
    if (!(error instanceof Final)) throw error;
    complaints.push(error.message);
  } finally {
    await moments.stop();
    await Promise.all(strikes);
    await stage.endWorkers('SIGTERM');
    verdict = await load.stop();
  }
  complaints.push(...verdict.complaints);
  if (state !== null) {
    const found = await dumpOf(stage, setting.ownerUrl(stage, database));
    const differs = difference(expected[state], found);
    if (differs) complaints.push(`the schema is not as it is ${state}: ${differs}`);
  }
  complaints.push(...(await leftovers(stage, database)).map((what) => `left behind: ${what}`));
  complaints.push(
    ...unexpected(stage.workerLog.slice(logBefore)).map((line) => `a worker's log says: ${line}`),
  );
  if (complaints.length === 0) await drop(stage, database);
  return {
    complaints,
    outcomes,
    parked: operator.parked,
    operations: verdict.operations,
    retried: verdict.retried,
    struck,
    seconds: (Date.now() - began) / 1000,
  };

  /** What the operator does; answers with the state in which the database must be. */
  async function tell(): Promise<keyof Expected> {
    await operator.start('runPhase', id, phase);
    switch (schedule.story) {
      case 'kept':
        return ended(await see(id), { done: 'kept' });
      case 'rejected':
      case 'swapped-back':
        return ended(await see(id), { 'rolled-back': 'before' });
      case 'cancelled': {
        const turn = moments.come(schedule.turn).then((come) => (come ? operator.cancel(id) : undefined));
        const ending = await see(id);
        await moments.stop();
        await turn;
        // a cancel that comes too late changes nothing
        return ended(ending, { 'rolled-back': 'before', done: 'kept' });
      }
      case 'terminated': {
        const turn = moments.come(schedule.turn).then((come) => (come ? operator.terminate(id) : undefined));
        const ending = await see(id);
        // one that was over by then is not disturbed
        if (ending.outcome === 'done') return 'kept';
        await turn;
        if (ending.status !== 'TERMINATED') throw new Final(`it was terminated and is ${ending.status}`);
        return ended(await run('runPhase', `${id}-again`), { done: 'kept' });
      }
      case 'undone': {
        const turn = moments.come(schedule.turn).then((come) => (come ? operator.terminate(id) : undefined));
        await see(id);
        await turn;
        return undo();
      }
      case 'rolled-back-later':
        ended(await see(id), { done: 'kept' });
        return ended(await run('rollBackPhase', `${id}-back`), { 'rolled-back': 'before' });
      case 'cleaned-up':
        ended(await see(id), { done: 'kept' });
        return ended(await run('runPhase', `${id}-cleanup`, { phase: 'cleanup' }), { done: 'cleanedUp' });
    }
  }

  /** Without Temporal and without workers, typed again until it has gone through. */
  async function undo(): Promise<'before'> {
    await stage.endWorkers('SIGKILL');
    const command = `${rekeyCommand(stage)} undo chaos --yes --by chaos`;
    await insist(async () => {
      const { code, output } = await stage.type(command, {
        REKEY_CONNECTION_CHAOS: setting.ownerUrl(stage, database),
        REKEY_PLANS: join(stage.folder, 'plans'),
        ...setting.variables,
      });
      if (code !== 0) throw new Error(`undo ended with ${code}: ${output}`);
    }, 120_000).catch((error: Error) => {
      throw new Final(error.message);
    });
    outcomes.push('undone');
    return 'before';
  }
}

function ended(ending: Ending, expected: Record<string, keyof Expected>): keyof Expected {
  const state = expected[ending.outcome ?? ''];
  if (state) return state;
  throw new Final(
    `it ended ${ending.outcome ?? ending.status} and not ${Object.keys(expected).join(' or ')}: ${ending.why ?? ''}`,
  );
}

/** The database of a round, and workers that know it. */
export async function prepare(
  stage: Stage,
  setting: Setting,
  database: string,
  base: string | null,
): Promise<void> {
  if (base === null) await setting.create(stage, database);
  else
    await insist(() =>
      stage.withDatabase('postgres', async (client) => {
        await client.query(`create database ${database} template ${base} owner ${ownerOf(stage, setting)}`);
        // a copied sequence gives the same numbers again after a crash, unless a checkpoint comes before its first use
        await client.query('checkpoint');
      }),
    );
  writeFileSync(join(stage.folder, 'plans', 'chaos.yaml'), setting.plan);
  const owner = new URL(setting.ownerUrl(stage, database));
  owner.port = String(stage.toPostgres.port);
  const scratch = new URL(stage.postgres.superuserUrl);
  scratch.port = owner.port;
  stage.variables = {
    ...setting.variables,
    REKEY_CONNECTION_CHAOS: owner.href,
    REKEY_CONNECTION_CHAOS_SCRATCH: scratch.href,
  };
}

function ownerOf(stage: Stage, setting: Setting): string {
  return new URL(setting.ownerUrl(stage, 'postgres')).username;
}

export async function drop(stage: Stage, database: string): Promise<void> {
  await stage.withDatabase('postgres', (client) =>
    client.query(`drop database if exists ${database} with (force)`),
  );
}

function rekeyCommand({ root }: Stage): string {
  const compiled = join(root, 'dist/src/cli/main.js');
  return __filename.endsWith('.js')
    ? `${process.execPath} ${compiled}`
    : `${process.execPath} -r ${join(root, 'test/setup/register.js')} ${join(root, 'src/cli/main.ts')}`;
}
