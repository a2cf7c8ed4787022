import type {
  BackupKind,
  Checkpoint,
  HookMoment,
  PhaseKind,
  RollbackCriteria,
  Window,
} from '../src/plan/model.js';

/**
 * What the workflows ask of the world: names, inputs and results of all activities. Types only: the workflows import
 * this file. Payloads carry names, hashes and counts, never rows, statements or plans (those lie in schema rekey by hash).
 * Every activity observes, then acts: running it twice, or killing it anywhere and running it again, ends in the same state.
 */

/** Who asks: the journal keeps it, and an activity of a run that does not own the database is refused. */
export interface RunRef {
  workflowId: string;
  /** first run id of the chain, so that resets keep ownership */
  firstRunId: string;
  runId: string;
  namespace: string;
}

export interface MigrationRequest {
  plan: string;
  connection: string;
}

export interface PhaseRequest extends MigrationRequest {
  phase: string;
}

/** Names one phase of one plan; planHash is 12 characters. */
export interface PhaseRef extends PhaseRequest {
  planHash: string;
  run: RunRef;
}

export interface MigrationBrief {
  plan: string;
  /** `owner`: the workflow id that has the phase open, where it is open */
  phases: { phase: string; kind: PhaseKind; planHash: string; state: PhaseState; owner?: string | null }[];
}

export type PhaseState = 'new' | 'open' | 'done' | 'rolled-back';

/** All that the workflow of a phase needs to know of the plan to put its steps in order. */
export interface PhaseBrief {
  plan: string;
  phase: string;
  kind: PhaseKind;
  planHash: string;
  risk: string | null;
  state: PhaseState;
  /** how far an earlier run got, for going on after terminate: its cutover has committed; for cleanup: its first drop has */
  cutOver: boolean;
  checkpoints: Checkpoint[];
  window: Window | null;
  /** ms: the window must have this much left */
  locksWithin: number;
  /** ms between two validations while the checkpoint waits */
  revalidate: number;
  /** ms after which a validation before the cutover is made again */
  validFor: number;
  /** ms, at least, between two messages to the parent that tell only of rows; phases that began without it tell none */
  tellEvery?: number;
  /** of its history a run uses at most this, then it does no more than wait; phases that began without it count nothing */
  history?: { events: number; bytes: number };
  hooks: Partial<Record<HookMoment, string>>;
  rollback: RollbackCriteria;
  backup: BackupKind;
  rehearsal: boolean;
  parallel: number;
  hasProbes: boolean;
  hasChecks: boolean;
  twins: 'early' | 'late';
}

export interface StepResult {
  /** true where the step had been done before and nothing was run */
  already: boolean;
  statements: number;
  rows: number;
  seconds: number;
  longestLockMs: number;
  tries: number;
  /** what an operator has to know of a step that is done, and was done in part only */
  note?: string;
}

export interface PreflightResult {
  hazards: number;
  accepted: number;
  notes: number;
  fingerprint: string;
  /** readiness checks that only warn, and a line for each code of notes, at most 20 */
  warnings: string[];
}

export interface BackupResult {
  already: boolean;
  backup: string;
  files: number;
  bytes: number;
  verified: boolean;
  format: 'directory' | 'copy' | 'external';
}

export interface MapRange {
  table: string;
  range: number;
  /** what planMap estimates, for the progress of ranges that have not begun */
  rows?: number;
}

/** All figures are of this one range; the workflow adds them up by table. */
export interface MapProgress extends MapRange {
  done: boolean;
  rowsDone: number;
  rowsTotal: number;
  rowsPerSecond: number;
  secondsLeft: number | null;
  /** why the throttle holds the work, if it does */
  heldBy: string | null;
}

/** `after-drop`: cleanup's last look, probes and the plan's checks only. */
export type ValidationMoment = 'before-swap' | 'waiting' | 'after-swap' | 'after-rollback' | 'after-drop';

export interface ValidationResult {
  passed: boolean;
  checks: number;
  /** one line each, at most 20: name, object and count; examples are in rekey.finding */
  failures: {
    check: string;
    on: string;
    count: number;
    reason: 'validation' | 'critical-check' | 'probe' | 'check';
  }[];
  seconds: number;
  probes: {
    probe: string;
    beforeMs: number;
    afterMs: number;
    ratio: number;
    verdict: 'success' | 'slower' | 'rollback';
  }[];
}

/** An open gate: `opening` is a number that the journal gave it, `at` is ISO time. */
export interface Opening {
  opening: number;
  openedAt: string;
}

export interface DecisionRecord {
  checkpoint: string;
  opening: number | null;
  decision: string;
  by: string | null;
  reason: string | null;
  checklist: string[];
  /** 'counted' or why it opened nothing */
  verdict: string;
  at: string;
}

/**
 * The event that carried a decision, so that an activity can read identity and principal from the run's history:
 * the nth (from 1) WorkflowExecutionSignaled of that name, or the update's id.
 */
export type DecisionEvent = { signal: string; nth: number } | { update: string };

export interface Sender {
  /** the client's claim */
  identity: string | null;
  /** what the server vouches for; null where it gives none, and for a signal that another workflow passed on */
  principal: string | null;
}

export interface PhaseOutcome {
  tables: number;
  rows: number;
  seconds: number;
  longestLockMs: number;
  /** the longest that a client was seen to wait behind a batch of rows; not there where none was seen */
  longestStallMs?: number;
  metrics: Record<string, number>;
}

export interface WayBack {
  open: boolean;
  because: string;
  /** id of the run that the activity was called by */
  askedBy?: string;
}

/** Where a phase stands by the journal, for the workflow of a rollback. */
export interface RollBackBrief extends PhaseBrief {
  wayBack: WayBack;
}

export interface Activities {
  // the plan and the run
  readMigration(request: MigrationRequest & { run: RunRef }): Promise<MigrationBrief>;
  /** Claims the database for this run; BadInput for wrong order, changed plan, second run. */
  openPhase(request: PhaseRequest & { run: RunRef }): Promise<PhaseBrief>;
  openRollBack(request: PhaseRequest & { run: RunRef }): Promise<RollBackBrief>;
  /** What an opening of this run left that was cancelled or given up: the brief of the open phase, null where nothing. */
  withdrawOpening(request: PhaseRequest & { run: RunRef }): Promise<PhaseBrief | null>;
  /** Waits, heartbeating, until a phase that another workflow has open is closed; 'open' where that workflow was ended half-way. */
  awaitPhase(request: PhaseRequest & { run: RunRef }): Promise<{ state: PhaseState }>;
  closePhase(ref: PhaseRef & { outcome: 'done' | 'rolled-back' }): Promise<PhaseOutcome>;
  wayBack(ref: PhaseRef): Promise<WayBack>;
  /** Registers the search attributes where it may; answers with those that exist. */
  registerSearchAttributes(request: { run: RunRef }): Promise<string[]>;

  // steps, in the order in which a phase runs them; the compensation stands beside each
  preflight(ref: PhaseRef): Promise<PreflightResult>;
  rehearse(ref: PhaseRef): Promise<StepResult>;
  backup(ref: PhaseRef): Promise<BackupResult>;
  addColumns(ref: PhaseRef): Promise<StepResult>;
  dropColumns(ref: PhaseRef): Promise<StepResult>;
  /** From the range `from` on, as many as a result can carry; `next` where there are more. */
  planMap(ref: PhaseRef & { from?: number }): Promise<{ ranges: MapRange[]; next?: number }>;
  /** Works for `sliceMs` or until the range is done or a pause is asked for. */
  mapRange(ref: PhaseRef & MapRange & { sliceMs: number }): Promise<MapProgress>;
  finishMap(ref: PhaseRef): Promise<StepResult>;
  unmap(ref: PhaseRef): Promise<StepResult>;
  /** `late`: unique twins and what stands on them, where the plan says `twins: late`; called after the approval */
  buildTwins(ref: PhaseRef & { late?: boolean }): Promise<StepResult>;
  dropTwins(ref: PhaseRef): Promise<StepResult>;
  validate(ref: PhaseRef & { when: ValidationMoment }): Promise<ValidationResult>;
  swapKeys(ref: PhaseRef & { opening: number | null }): Promise<StepResult>;
  /** The online work before the swap back, the short transaction, and the online work after it. */
  swapKeysBack(ref: PhaseRef): Promise<StepResult>;
  /**
   * What the database itself says: has the cutover committed; for cleanup: has its first drop. `begun`: an addColumns,
   * of whichever run, has not been undone.
   */
  observePhase(ref: PhaseRef): Promise<{ cutOver: boolean; begun?: boolean }>;
  runHook(ref: PhaseRef & { moment: HookMoment; key: string }): Promise<StepResult>;

  // foundation
  createFoundation(ref: PhaseRef): Promise<StepResult>;
  /** Exports the journal and drops the schema rekey. */
  dropFoundation(ref: PhaseRef): Promise<StepResult>;
  restoreDrill(ref: PhaseRef): Promise<StepResult>;
  measureBaseline(ref: PhaseRef): Promise<StepResult>;

  // cleanup: from dropLegacy on there is no way back
  /** Asks the journal, as swapKeys does, whether the opening of before-drop is still the newest and open. */
  dropLegacy(ref: PhaseRef & { opening?: number | null }): Promise<StepResult>;
  buildIndexes(ref: PhaseRef): Promise<StepResult>;
  analyzeTables(ref: PhaseRef): Promise<StepResult>;
  /** Does nothing where the plan keeps the mapping. */
  archiveMapping(ref: PhaseRef): Promise<StepResult>;

  // gates: the opening of before-swap and before-drop stays open until the step that it allows has committed
  /** `actions`: what may be done with a parked step, for whoever has only the journal */
  openGate(
    ref: PhaseRef & { gate: string; deadline: string | null; parked: boolean; actions?: string[] },
  ): Promise<Opening>;
  closeGate(ref: PhaseRef & { gate: string; opening: number; outcome: string }): Promise<void>;
  /** The activity adds identity and principal, read from `event`, where there is one. */
  recordDecision(ref: PhaseRef & { record: DecisionRecord; event?: DecisionEvent | null }): Promise<void>;
  readSender(ref: PhaseRef & { event: DecisionEvent }): Promise<Sender>;
  /** Sets or lifts the pause switch that running map slices look at after each batch. */
  setPause(ref: PhaseRef & { paused: boolean; by: string }): Promise<void>;
  recordFailure(
    ref: PhaseRef & { step: string; code: string; message: string; remedy: string },
  ): Promise<void>;
}
