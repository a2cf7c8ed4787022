/**
 * A plan with every default filled in: what `rekey plan show` prints, what is hashed and stored in the database.
 * Plain data: made once by `src/plan/load.ts` from YAML by strict zod schemas, never changed afterwards.
 * Durations are milliseconds, shares are fractions (10% is 0.1), table names are TableId, column names plain.
 * Pure: workflows import this file.
 */

/** `name` in schema public, else `schema.name`; a part that has a dot in it is double-quoted. As in the catalog: case counts. */
export type TableId = string;

export interface ColumnRef {
  table: TableId;
  column: string;
}

export interface Plan {
  version: 1;
  plan: string;
  keys: KeyDefaults;
  map: MapSettings;
  twins: Twins;
  locks: LockSettings;
  probes: { success: number; rollback: number };
  /** ms between validations while a checkpoint waits. */
  revalidate: number;
  backup: BackupKind;
  rehearsal: 'skip' | { on: string; sample: number };
  accept: Acceptance[];
  definitions: Definition[];
  references: DeclaredReference[];
  subscribers: { name: string; because: string; phase?: string }[];
  phases: Phase[];
}

/** An external backup whose name is empty is named by whoever approves the checkpoint. */
export type BackupKind = 'tables' | 'full' | { external: string };

/** `ask`: early, but a phase that upserts could suffer in does not start until the plan has chosen */
export type Twins = 'ask' | 'early' | 'late';

export interface KeyDefaults {
  source: 'derived' | 'stored';
  version: 4 | 7;
  /** the column that version 7 order comes from, where a table has it */
  time: string | null;
}

export interface MapSettings {
  strategy: 'in-place' | 'copy' | 'rewrite';
  batch: number;
  parallel: number;
  pauseWhen: PauseWhen;
}

/** ms and bytes; null: off. The last two are left out where they are off, as they are in plans of before they were words. */
export interface PauseWhen {
  replicaLag: number | null;
  oldestTransaction: number | null;
  /** at most so much WAL that a slot or the archiver keeps */
  walKept?: number;
  /** at least so much, as the phase's hook `free-disk` says */
  freeDisk?: number;
}

/** All in ms except tries. quietWait: SHARE UPDATE EXCLUSIVE wait; stall: one LOCK's statement_timeout; within: for all tries together. */
export interface LockSettings {
  quietWait: number;
  stall: number;
  tries: number;
  within: number;
}

export interface Acceptance {
  hazard: string;
  on: string;
  because: string;
  /** the phase it is for, where `on` names no table that a phase lists */
  phase?: string;
}

export interface Definition {
  object: string;
  using?: string;
  check?: string;
  as?: string;
  /** as in Acceptance */
  phase?: string;
}

export interface DeclaredReference {
  from: ColumnRef;
  /** path in a JSON value */
  path: string | null;
  /** discriminator column of a polymorphic reference */
  by: string | null;
  each: 'element' | null;
  /** one table, or by discriminator value */
  to: TableId | Record<string, TableId>;
  orphans: 'refuse' | 'null' | 'keep';
}

export type Phase = FoundationPhase | TablesPhase | CleanupPhase;
export type PhaseKind = Phase['kind'];

interface PhaseCommon {
  phase: string;
  risk: string | null;
  backup: BackupKind;
  window: Window | null;
  readiness: ReadinessCheck[];
  hooks: Partial<Record<HookMoment, string>>;
  probes: Probe[];
  checks: PlanCheck[];
  checkpoints: Checkpoint[];
  rollback: RollbackCriteria;
  flags: string[];
}

export type HookMoment =
  | 'before-swap'
  | 'after-swap'
  | 'before-swap-back'
  | 'after-swap-back'
  | 'escalate'
  | 'free-disk';

export interface FoundationPhase extends PhaseCommon {
  kind: 'foundation';
}

export interface TablesPhase extends PhaseCommon {
  kind: 'tables';
  tables: PlannedTable[];
  twins: Twins;
  map: MapSettings;
}

export interface CleanupPhase extends PhaseCommon {
  kind: 'cleanup';
  redundant: ColumnRef[];
  /** whole `create index concurrently ...` statements */
  indexes: string[];
  mapping: 'keep' | 'archive';
}

export interface PlannedTable {
  table: TableId;
  key: PlannedKey;
  map: MapSettings;
}

export type PlannedKey =
  | { source: 'derived'; version: 4 | 7; time: string | null }
  | { source: 'stored'; column: string }
  /** the key becomes that of the row which `adopt` refers to; the new key column is called `as` */
  | { source: 'adopted'; adopt: string; as: string }
  /** a composite key gets a new key column; `unique` names the constraint that keeps the composite; children call it `children` */
  | { source: 'surrogate'; surrogate: string; unique: string; children: string };

/** Local times in `zone`; the cutover begins inside it or not at all. A window whose `to` is before `from` ends the next day. */
export interface Window {
  days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
  from: string;
  to: string;
  zone: string;
}

export interface ReadinessCheck {
  check: string;
  sql: string;
  expect: 'no rows' | number | string;
  otherwise: 'stop' | 'warn';
}

export interface Probe {
  probe: string;
  sql: string;
  with: string | null;
}

export interface PlanCheck {
  check: string;
  critical: boolean;
  /** ms */
  timeout: number;
  what:
    | { sql: string; expect: 'no rows' | number | string }
    | {
        http: { method: string; url: string; body: unknown; headers: Record<string, string>; expect: number };
      }
    | { hook: string };
}

export type CheckpointName = 'before' | 'before-swap' | 'after-swap' | 'before-drop' | 'after';

export interface Checkpoint {
  checkpoint: CheckpointName;
  approvals: number;
  from: string[];
  trust: 'declared' | 'principal';
  checklist: string[];
  /** ms, null: waits for ever */
  timeout: number | null;
  onTimeout: 'rollback' | 'escalate';
}

export type RollbackReason = 'validation' | 'critical-check' | 'probe';

export interface RollbackCriteria {
  on: RollbackReason[];
  askOn: RollbackReason[];
}
