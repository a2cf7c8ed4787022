import type { Base } from './base.js';
import { Faults } from './faults.js';
import { Moments } from './moments.js';
import { type Answer, type Closed, Operator } from './operator.js';
import { Final } from './patience.js';
import { difference, dumpOf, leftovers, unexpected } from './proof.js';
import { seeded } from './random.js';
import { drop, prepare } from './round-database.js';
import type { Moment, Schedule } from './schedule.js';
import type { LoadVerdict, Setting } from './setting.js';
import type { Stage } from './stage.js';
import { undoByHand } from './undo-by-hand.js';

/** How the database may be at the end of a round: no phase has run, the disturbed one has not, has, and cleanup, too. */
export type Ending = 'untouched' | 'before' | 'kept' | 'cleanedUp';

/** What a story is told with. */
export interface World {
  /** of the round's first workflow */
  id: string;
  /** null where the whole plan is run */
  phase: string | null;
  phases: string[];
  operator: Operator;
  /** starts a workflow and sees it to its end, whatever that is */
  run(type: string, workflowId: string, input: object, answer: AnswerFor): Promise<Closed>;
  /** does it when the moment comes; what this answers waits for it where it has come, and gives it up where not */
  at(moment: Moment, work: () => Promise<void>): () => Promise<void>;
  /** workflow id of the phase that was open when somebody last looked */
  openPhase(): string;
  /** whether every phase but cleanup is done, and cleanup is not open */
  doneButCleanup(): Promise<boolean>;
  /** `rekey undo`, without workers, until it has gone through */
  undo(flags: string): Promise<void>;
  /** the clients go home: nobody translates a key any more, and foundation may go */
  endLoad(): Promise<void>;
  /** the state that belongs to this outcome; a Final error for any other */
  ended(closed: Closed, expected: Record<string, Ending>): Ending;
}

export type AnswerFor = (checkpoint: string, phase: string) => Answer;

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
  base: Base;
  schedule: Schedule;
  tell: (world: World) => Promise<Ending>;
  say: (text: string) => void;
  /** ms that each workflow may take; generous, because an outage costs a heartbeat's timeout each time */
  patience: number;
}

/** A story under its clients, with everything breaking around it; then the proof. */
export async function playRound(options: RoundOptions): Promise<RoundResult> {
  const { stage, setting, base, schedule, say } = options;
  const began = Date.now();
  const database = `chaos_${schedule.seed}_${began.toString(36)}`;
  const random = seeded(schedule.seed + 1);
  const { clocks } = schedule;
  const operator = new Operator(stage, say);
  const logBefore = stage.workerLog.length;
  await prepare(stage, setting, database, base.database);
  for (const clock of clocks) stage.startWorker(clock);
  const load = await setting.startLoad(stage, database, schedule.seed);
  const moments = new Moments(stage, database);
  let open = '';
  const faults = new Faults({
    stage,
    database,
    clock: () => clocks[Math.floor(random() * clocks.length)] ?? 0,
    signal: (name) => operator.signal(operator.openPhase ?? open, name),
  });
  let struck = 0;
  const outcomes: string[] = [];
  const complaints: string[] = [];
  const under: Promise<void>[] = [];
  const started: string[] = [];
  let verdict: LoadVerdict | null = null;
  const world: World = {
    id: setting.phase === null ? database : `${database}/${setting.phase}`,
    phase: setting.phase,
    phases: setting.phases,
    operator,
    async run(type, workflowId, input, answer) {
      open = workflowId;
      started.push(workflowId);
      await operator.start(type, workflowId, input);
      const ending = await operator.see(workflowId, answer, options.patience);
      outcomes.push(ending.outcome ?? `${ending.status}${ending.why ? `: ${ending.why}` : ''}`);
      return ending;
    },
    at(moment, work) {
      const given = new AbortController();
      const done = moments.come(moment, given.signal).then((come) => (come ? work() : undefined));
      under.push(done);
      return () => {
        given.abort();
        return done;
      };
    },
    openPhase: () => operator.openPhase ?? open,
    doneButCleanup: () =>
      stage.withDatabase(database, async (client) => {
        // terminated before foundation was laid
        const { rows: laid } = await client.query<{ there: boolean }>(
          `select pg_catalog.to_regclass('rekey.phase') is not null as there`,
        );
        if (!laid[0]?.there) return false;
        const { rows } = await client.query<{ phase: string; state: string }>(
          'select phase, state from rekey.phase',
        );
        const state = new Map(rows.map((row) => [row.phase, row.state]));
        return setting.phases.every((phase) =>
          phase === 'cleanup' ? state.get(phase) !== 'open' : state.get(phase) === 'done',
        );
      }),
    async undo(flags) {
      await stage.endWorkers('SIGKILL');
      await undoByHand(stage, setting, database, flags, random);
      outcomes.push('undone');
    },
    async endLoad() {
      verdict ??= await load.stop();
    },
    ended(ending, of) {
      const state = of[ending.outcome ?? ''];
      if (state) return state;
      throw new Final(
        `it ended ${ending.outcome ?? ending.status} and not ${Object.keys(of).join(' or ')}: ${ending.why ?? ''}`,
      );
    },
  };
  for (const strike of schedule.strikes)
    world.at(strike.at, async () => {
      struck += 1;
      say(`${strike.fault}, for ${strike.forMs} ms`);
      await faults.strike(strike);
    });
  let state: Ending | null = null;
  try {
    state = await options.tell(world);
  } catch (error) {
    if (!(error instanceof Final)) throw error;
    complaints.push(error.message);
    // what is still open would go on in the next round's database: it has the same name to the workers
    under.push(...[...started, operator.openPhase ?? open].map((id) => operator.terminate(id)));
  } finally {
    await moments.stop();
    await Promise.all(under);
    await stage.endWorkers('SIGTERM');
    verdict ??= await load.stop();
  }
  complaints.push(...verdict.complaints);
  if (state !== null) {
    const found = await dumpOf(stage, setting.ownerUrl(stage, database));
    const differs = difference(await base.expected(state), found);
    if (differs) complaints.push(`the schema is not as it is ${state}: ${differs}`);
  }
  complaints.push(...(await leftovers(stage, database)).map((what) => `left behind: ${what}`));
  complaints.push(
    ...unexpected(stage.workerLog.slice(logBefore)).map((line) => `a worker's log says: ${line}`),
  );
  if (complaints.length === 0) await drop(stage, database);
  const seconds = (Date.now() - began) / 1000;
  const { operations, retried } = verdict;
  return { complaints, outcomes, parked: operator.parked, operations, retried, struck, seconds };
}
