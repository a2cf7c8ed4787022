import { ApplicationFailure, Context } from '@temporalio/activity';
import type {
  Activities,
  DecisionRecord,
  MapProgress,
  MapRange,
  PhaseBrief,
  PhaseState,
  RollBackBrief,
  Sender,
  StepResult,
  ValidationResult,
  WayBack,
} from '../../activities/contract.js';
import { pageOf } from '../../activities/range-pages.js';
import type { ErrorType } from '../../src/errors.js';
import type { Checkpoint, CheckpointName, PhaseKind } from '../../src/plan/model.js';

export const planHash = '0123456789ab';

/**
 * A world without a database, for tests whose subject is the order of things: it writes down what was called, fails
 * and waits as it is told, and keeps a journal of openings and decisions.
 */
export class FakeWorld {
  /** every call that ended well or badly, in the order in which it began */
  readonly log: string[] = [];
  /** every call that ended */
  readonly ended: string[] = [];
  readonly decisions: (DecisionRecord & { event: unknown })[] = [];
  readonly closed: { gate: string; opening: number; outcome: string }[] = [];
  readonly failures: { step: string; code: string }[] = [];
  openings = 0;
  cutOver = false;
  /** what an earlier run has done is still there */
  begun = false;
  /** an opening that never answered has written that the phase is open */
  opened = false;
  /** what the database says about a cutover; undefined: `cutOver` */
  paused = false;
  attributes: string[] = [];
  phases: { phase: string; kind: PhaseKind; state: PhaseState; owner?: string | null }[] = [];
  brief: Partial<PhaseBrief> = {};
  wayBackNow: WayBack = { open: true, because: 'legacy columns are kept in step' };
  ranges: (MapRange & { slices: number })[] = [{ table: 'users', range: 1, slices: 1, rows: 100 }];
  mostAtOnce = 0;
  sender: Sender = { identity: 'somebody', principal: null };
  /** by moment: what validations answer, one after the other; the last one stays */
  validations: Record<string, ValidationResult[]> = {};
  /** when awaitPhase ends */
  awaitedPhase: () => Promise<PhaseState> = async () => 'done';

  private readonly failing = new Map<string, ApplicationFailure[]>();
  private readonly held = new Map<
    string,
    { release: () => void; released: Promise<void>; lateOnCancel: boolean; lingers: number }
  >();
  private readonly slices = new Map<string, number>();
  private running = 0;

  /** The next calls fail: once for each failure. */
  fails(name: string, ...failures: ApplicationFailure[]): void {
    this.failing.set(name, [...(this.failing.get(name) ?? []), ...failures]);
  }

  /**
   * Calls wait until `release`, heartbeating; a cancel ends them, `lingers` ms later, or, with `lateOnCancel`, they complete
   * in spite of it.
   */
  hold(name: string, { lateOnCancel = false, lingers = 0 } = {}): void {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.held.set(name, { release, released, lateOnCancel, lingers });
  }

  release(name: string): void {
    this.held.get(name)?.release();
    this.held.delete(name);
  }

  releaseAll(): void {
    for (const name of [...this.held.keys()]) this.release(name);
  }

  /** The steps of the phase, without what only reads or writes the journal. */
  get steps(): string[] {
    const quiet =
      /^(registerSearchAttributes|recordDecision|recordFailure|closeGate|observePhase|wayBack|readSender)/;
    return this.log.filter((entry) => !quiet.test(entry));
  }

  count(entry: string): number {
    return this.log.filter((one) => one === entry).length;
  }

  private async called(name: string, entry = name): Promise<void> {
    this.log.push(entry);
    const context = Context.current();
    const hold = this.held.get(entry) ?? this.held.get(name);
    if (hold) {
      const beat = setInterval(() => context.heartbeat(), 300);
      try {
        await (hold.lateOnCancel
          ? Promise.race([hold.released, context.cancelled.catch(() => undefined)])
          : Promise.race([hold.released, context.cancelled]));
      } catch (error) {
        if (hold.lingers > 0) {
          await new Promise((resolve) => setTimeout(resolve, hold.lingers));
          this.log.push(`${entry} has stopped`);
        }
        throw error;
      } finally {
        clearInterval(beat);
      }
    }
    const failure = this.failing.get(entry)?.shift() ?? this.failing.get(name)?.shift();
    if (failure) throw failure;
    this.ended.push(entry);
  }

  private briefOf(phase: string): PhaseBrief {
    const kind = this.phases.find((one) => one.phase === phase)?.kind ?? this.brief.kind ?? 'tables';
    return {
      plan: 'testapp',
      phase,
      kind,
      planHash,
      risk: null,
      state: this.phases.find((one) => one.phase === phase)?.state ?? 'new',
      cutOver: this.cutOver,
      checkpoints: [],
      window: null,
      locksWithin: 1000,
      validFor: 0,
      tellEvery: 30_000,
      revalidate: 3_600_000,
      hooks: {},
      rollback: { on: [], askOn: [] },
      backup: 'tables',
      rehearsal: false,
      parallel: 2,
      hasProbes: false,
      hasChecks: false,
      twins: 'early',
      ...this.brief,
    };
  }

  activities(): Activities {
    const step = (name: string) => async (): Promise<StepResult> => {
      await this.called(name);
      return done;
    };
    return {
      readMigration: async () => {
        await this.called('readMigration');
        return { plan: 'testapp', phases: this.phases.map((phase) => ({ ...phase, planHash })) };
      },
      openPhase: async ({ phase }) => {
        await this.called('openPhase', `openPhase ${phase}`);
        return this.briefOf(phase);
      },
      openRollBack: async ({ phase }): Promise<RollBackBrief> => {
        await this.called('openRollBack');
        return { ...this.briefOf(phase), wayBack: this.wayBackNow };
      },
      withdrawOpening: async ({ phase }) => {
        await this.called('withdrawOpening');
        return this.opened ? this.briefOf(phase) : null;
      },
      awaitPhase: async ({ phase }) => {
        await this.called('awaitPhase', `awaitPhase ${phase}`);
        const state = await this.awaitedPhase();
        const known = this.phases.find((one) => one.phase === phase);
        if (known) known.state = state;
        return { state };
      },
      closePhase: async ({ phase, outcome }) => {
        await this.called('closePhase', `closePhase ${outcome}`);
        const known = this.phases.find((one) => one.phase === phase);
        if (known) known.state = outcome;
        return {
          tables: 1,
          rows: 100,
          seconds: 1,
          longestLockMs: 7,
          // behind the batches of one phase nobody waited
          ...(phase === 'users' ? { longestStallMs: 60 } : {}),
          metrics: { rowsBefore: 100 },
        };
      },
      wayBack: async ({ run }) => {
        await this.called('wayBack');
        return { ...this.wayBackNow, askedBy: run.runId };
      },
      observePhase: async () => {
        await this.called('observePhase');
        return { cutOver: this.cutOver, begun: this.begun };
      },
      registerSearchAttributes: async () => {
        await this.called('registerSearchAttributes');
        return this.attributes;
      },
      preflight: async () => {
        await this.called('preflight');
        return { hazards: 0, accepted: 0, notes: 0, fingerprint: 'f', warnings: [] };
      },
      rehearse: step('rehearse'),
      backup: async () => {
        await this.called('backup');
        return { already: false, backup: 'b', files: 1, bytes: 1, verified: true, format: 'directory' };
      },
      addColumns: step('addColumns'),
      dropColumns: step('dropColumns'),
      planMap: async ({ from = 0 }) => {
        await this.called('planMap');
        return pageOf(
          this.ranges.map(({ table, range, rows }) => ({ table, range, rows })),
          from,
        );
      },
      mapRange: async ({ table, range, sliceMs }): Promise<MapProgress> => {
        this.running += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
        try {
          await this.called('mapRange', `mapRange ${table}/${range} ${sliceMs}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
          const { slices = 1 } = this.ranges.find((one) => one.table === table && one.range === range) ?? {};
          const ran = (this.slices.get(`${table}/${range}`) ?? 0) + 1;
          this.slices.set(`${table}/${range}`, ran);
          const rowsDone = Math.min(100, Math.round((ran / slices) * 100));
          return {
            table,
            range,
            done: ran >= slices && !this.paused,
            rowsDone,
            rowsTotal: 100,
            rowsPerSecond: 50,
            secondsLeft: 1,
            heldBy: null,
          };
        } finally {
          this.running -= 1;
        }
      },
      finishMap: step('finishMap'),
      unmap: step('unmap'),
      buildTwins: step('buildTwins'),
      dropTwins: step('dropTwins'),
      validate: async ({ when }) => {
        await this.called('validate', `validate ${when}`);
        const answers = this.validations[when] ?? [];
        return (answers.length > 1 ? answers.shift() : answers[0]) ?? passed;
      },
      swapKeys: async ({ opening }) => {
        await this.called('swapKeys', `swapKeys ${opening}`);
        this.cutOver = true;
        return done;
      },
      swapKeysBack: async () => {
        await this.called('swapKeysBack');
        this.cutOver = false;
        return done;
      },
      runHook: async ({ moment }) => {
        await this.called('runHook', `hook ${moment}`);
        return done;
      },
      createFoundation: step('createFoundation'),
      dropFoundation: step('dropFoundation'),
      restoreDrill: step('restoreDrill'),
      measureBaseline: step('measureBaseline'),
      dropLegacy: async ({ opening }) => {
        await this.called('dropLegacy', `dropLegacy ${opening}`);
        this.cutOver = true;
        return done;
      },
      buildIndexes: step('buildIndexes'),
      analyzeTables: step('analyzeTables'),
      archiveMapping: step('archiveMapping'),
      openGate: async ({ gate, parked }) => {
        await this.called('openGate', `${parked ? 'park' : 'gate'} ${gate}`);
        this.openings += 1;
        return { opening: this.openings, openedAt: new Date().toISOString() };
      },
      closeGate: async ({ gate, opening, outcome }) => {
        await this.called('closeGate', `closeGate ${gate} ${outcome}`);
        this.closed.push({ gate, opening, outcome });
      },
      recordDecision: async ({ record, event = null }) => {
        await this.called('recordDecision', `recordDecision ${record.decision}`);
        this.decisions.push({ ...record, event });
      },
      readSender: async () => {
        await this.called('readSender');
        return this.sender;
      },
      setPause: async ({ paused }) => {
        await this.called('setPause', `setPause ${paused}`);
        this.paused = paused;
      },
      recordFailure: async ({ step: failed, code }) => {
        await this.called('recordFailure');
        this.failures.push({ step: failed, code });
      },
    };
  }
}

const done: StepResult = { already: false, statements: 1, rows: 1, seconds: 1, longestLockMs: 1, tries: 1 };

export const passed: ValidationResult = { passed: true, checks: 3, failures: [], seconds: 1, probes: [] };

export function failedValidation(
  reason: ValidationResult['failures'][number]['reason'],
  check = 'isomorphism',
): ValidationResult {
  return { ...passed, passed: false, failures: [{ check, on: 'orders.user_id', count: 3, reason }] };
}

export function failure(type: ErrorType, code = 'a.code', message = 'it can not be'): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: type !== 'Transient',
    details: [{ code, remedy: 'Do something about it.', where: 'users' }],
  });
}

export function checkpoint(name: CheckpointName, more: Partial<Checkpoint> = {}): Checkpoint {
  return {
    checkpoint: name,
    approvals: 1,
    from: [],
    trust: 'declared',
    checklist: [],
    timeout: null,
    onTimeout: 'rollback',
    ...more,
  };
}
