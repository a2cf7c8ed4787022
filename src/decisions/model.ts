/**
 * What people decide while a phase waits: approvals at a checkpoint, and what to do with a parked step.
 * Plain data with no clock of its own; times are milliseconds since 1970. Pure: workflows import this file.
 */
export interface Decision {
  decision: 'approve' | 'reject';
  checkpoint: string;
  opening: number;
  /** the phase's planHash */
  plan: string;
  by: string;
  reason: string | null;
  checklist: string[];
}

export type Action = 'retry' | 'skip' | 'rollback';

export interface Resolution {
  step: string;
  opening: number;
  plan: string;
  action: Action;
  by: string;
  reason: string | null;
}

export interface Approval {
  by: string;
  at: number;
  reason: string | null;
}

/** One opening of a checkpoint. Once `state` is no longer 'open' nothing changes it. */
export interface Gate {
  checkpoint: string;
  opening: number;
  planHash: string;
  openedAt: number;
  deadline: number | null;
  needed: number;
  from: string[];
  trust: 'declared' | 'principal';
  checklist: string[];
  /** false where nothing can be undone any more: a reject is refused */
  canReject: boolean;
  approvals: Approval[];
  state: 'open' | 'approved' | 'rejected' | 'timed-out' | 'voided' | 'cancelled';
  rejectedBy: string | null;
}

/** A step that failed and waits for somebody to say what to do. */
export interface Parking {
  step: string;
  opening: number;
  planHash: string;
  actions: Action[];
  action: Action | null;
  by: string | null;
}

/** `counted` is false where a decision opened nothing; `verdict` says why, or what it did. */
export interface Judgement<T> {
  counted: boolean;
  verdict: string;
  next: T;
}
