/** What the query `status` answers, what the memo `status` holds. All times are ISO 8601 in UTC. */
export interface Status {
  plan: string;
  planHash: string;
  phase: string;
  workflowId: string;
  state: State;
  step: string | null;
  /** when the last of all this came to be known: never before the step began, and the figures are not newer */
  asOf: string;
  progress: TableProgress[];
  checkpoint: CheckpointStatus | null;
  /** whether the phase can still be undone, and if not, what closed the way */
  wayBack: { open: boolean; because: string };
  failure: FailureStatus | null;
  /** exact commands to type, the signal first, the update second */
  next: string[];
  /** while it waits for one */
  window: { opensAt: string | null; closesAt: string | null } | null;
  risk: string | null;
  /** what else the reader should know: ignored decisions, escalations, a cancel without effect */
  notes: string[];
}

export const states = [
  'running',
  'waiting-for-approval',
  'waiting-for-window',
  'paused',
  'parked',
  'rolling-back',
  'rolled-back',
  'done',
] as const;

export type State = (typeof states)[number];

export interface TableProgress {
  table: string;
  rowsDone: number;
  rowsTotal: number;
  rowsPerSecond: number;
  secondsLeft: number | null;
}

export interface CheckpointStatus {
  name: string;
  opening: number;
  approvals: { by: string; at: string }[];
  needed: number;
  from: string[];
  checklist: string[];
  until: string | null;
  validation: {
    passed: boolean;
    checks: number;
    failures: { check: string; on: string; count: number; reason: string }[];
    at: string;
  } | null;
}

export interface FailureStatus {
  step: string;
  code: string;
  message: string;
  remedy: string;
}

/** A migration shows its open phase, and where all its phases stand. */
export interface MigrationStatus extends Status {
  phases: { phase: string; state: string }[];
}
