import { CancellationScope, condition, log, patched, workflowInfo } from '@temporalio/workflow';
import type {
  PhaseBrief,
  PhaseRef,
  PhaseRequest,
  ValidationResult,
  WayBack,
} from '../activities/contract.js';
import type { Command } from '../src/decisions/commands.js';
import type { Gate, Parking } from '../src/decisions/model.js';
import type { FailureStatus, State, TableProgress } from '../src/decisions/status.js';
import { announce } from './announce.js';
import { describeFailure } from './failure.js';
import { thisRun } from './request.js';
import { SignalLine } from './signal-line.js';

/** Thrown inside a phase to leave its forward steps; caught in one place, where the compensations begin. */
export class RollBack extends Error {
  constructor(readonly because: string) {
    super(because);
  }
}

/** An activity that undoes a step; harmless where the step never ran. */
export interface Compensation {
  step: string;
  undo: () => Promise<void>;
}

/** All that is known of one phase while its workflow runs. Its fields change, `changed()` shows them. */
export class Run {
  readonly workflowId = workflowInfo().workflowId;
  readonly namespace = workflowInfo().namespace;
  /** asked for cancellation even from inside scopes that can't be cancelled */
  readonly root = CancellationScope.current();
  brief: PhaseBrief | null = null;
  attributes: string[] = [];

  state: State = 'running';
  step: string | null = null;
  gate: Gate | null = null;
  /** approved, and open in the journal until the step that it allows has committed */
  keptOpen: Gate | null = null;
  /** the last validation that this opening saw */
  gateValidation: (ValidationResult & { at: string }) | null = null;
  /** when the last validation without findings before the cutover ended, in ms since 1970 */
  validAt: number | null = null;
  parking: Parking | null = null;
  failure: FailureStatus | null = null;
  /** the workflow ends FAILED: what starts it again */
  restart: Command | null = null;
  progress: TableProgress[] = [];
  shownAt = 0;
  /** when the parent was first and last told of rows, in ms since 1970 */
  toldRows: { first: number; last: number } | null = null;
  /** when the last thing came to be known that `status` says, in the workflow's own time */
  knownAt = new Date().toISOString();
  /** why the throttle holds work, by table */
  held: string[] = [];
  wayBack: WayBack = { open: true, because: 'no key has been swapped yet' };
  window: { opensAt: string | null; closesAt: string | null } | null = null;
  pausedBy: string | null = null;
  notes: string[] = [];

  readonly toParent = new SignalLine();
  readonly compensations: Compensation[] = [];
  /** names of findings that somebody has skipped: they do not stop the phase again */
  readonly skipped = new Set<string>();
  /** after cleanup's first drop only retry remains */
  noReturn = false;
  /** the cutover has committed */
  swapped = false;
  /** decisions whose sender an activity is asking for */
  judging = 0;

  private readonly tasks: (() => Promise<unknown>)[] = [];
  private working = false;
  private started = false;
  private journalGone = false;
  /** the first task waits for its next try */
  private stuck = false;

  constructor(readonly request: PhaseRequest) {}

  get planHash(): string {
    return this.brief?.planHash ?? 'unknown';
  }

  get ref(): PhaseRef {
    return { ...this.request, planHash: this.planHash, run: thisRun() };
  }

  /** Shows a change of state everywhere: query, memo, details, search attributes, parent. */
  enter(state: State, step: string | null = this.step): void {
    this.state = state;
    this.step = step;
    announce(this);
  }

  changed(): void {
    announce(this);
  }

  /** What `status` says is as of now. */
  learned(): void {
    this.knownAt = new Date().toISOString();
  }

  note(text: string): void {
    this.learned();
    this.notes = [...this.notes.slice(-9), `${new Date().toISOString()} ${text}`.slice(0, 400)];
  }

  /** Begins the journal's queue: decisions that came before the phase was opened are recorded now. */
  startJournal(): void {
    this.started = true;
    void CancellationScope.nonCancellable(async () => {
      for (;;) {
        await condition(() => this.tasks.length > 0);
        this.working = true;
        const task = this.tasks.shift();
        if (task && !this.journalGone) {
          try {
            await task();
          } catch (error) {
            log.warn('the journal has not taken an entry', { error: String(error) });
            if (await this.waitsForTheJournal(task, error)) continue;
          }
        }
        this.working = false;
      }
    });
  }

  /**
   * A worker that can't get to the database (a password that was changed) keeps its entries: they are tried again, in order,
   * when the next one comes, when somebody waits for them, and now and then. True where the entry was kept.
   */
  private async waitsForTheJournal(task: () => Promise<unknown>, error: unknown): Promise<boolean> {
    if (!/^connection\./.test(describeFailure('journal', error).code) || !patched('journals-again'))
      return false;
    this.tasks.unshift(task);
    this.working = false;
    this.stuck = true;
    await condition(() => !this.stuck || this.journalGone, 600_000);
    this.stuck = false;
    return true;
  }

  /** Queues an entry of the journal, in order, without holding the phase up. */
  later(task: () => Promise<unknown>): void {
    this.tasks.push(task);
    this.stuck = false;
  }

  /**
   * Waits until the journal has all that was decided so far, or is not to be had even now: then the next step parks for the
   * same reason.
   */
  async journalled(): Promise<void> {
    if (!this.started) return;
    this.stuck = false;
    await CancellationScope.nonCancellable(() =>
      condition(() => this.stuck || (this.tasks.length === 0 && !this.working)),
    );
  }

  /** Rolling `foundation` back drops the schema that the journal lies in. */
  closeJournal(): void {
    this.journalGone = true;
  }

  get hasJournal(): boolean {
    return !this.journalGone;
  }

  /** How much of its history is used, of what it allows itself: at 1 it does no more than wait. */
  get full(): number {
    const most = this.brief?.history;
    if (!most) return 0;
    const { historyLength, historySize } = workflowInfo();
    return Math.max(historyLength / most.events, historySize / most.bytes);
  }

  /** True where the phase should stop going forward. Asked after every step: an error's class does not tell. */
  get cancelled(): boolean {
    return CancellationScope.current().consideredCancelled;
  }

  /** Between two steps, and between two slices: waits while somebody has paused the phase. */
  async holdWhilePaused(): Promise<void> {
    if (this.pausedBy !== null) {
      const { state } = this;
      this.enter('paused');
      await stoppable(() => condition(() => this.pausedBy === null));
      this.enter(state === 'paused' ? 'running' : state);
    }
    this.stopIfCancelled();
  }

  /** Work that no cancel reaches. */
  shield<T>(work: () => Promise<T>): Promise<T> {
    return CancellationScope.nonCancellable(work);
  }

  stopIfCancelled(): void {
    if (this.cancelled) throw new RollBack('the workflow was cancelled');
  }
}

/** A wait that a cancel ends by rolling back. */
export async function stoppable<T>(wait: () => Promise<T>): Promise<T> {
  const scope = CancellationScope.current();
  try {
    return await wait();
  } catch (error) {
    if (scope.consideredCancelled) throw new RollBack('the workflow was cancelled');
    throw error;
  }
}
