/**
 * The closed set of errors. Whatever goes wrong reaches an operator as one of these: a type, a code that the docs
 * explain, whether trying again can help, the SQLSTATE where PostgreSQL gave one, and what to do about it.
 * Pure: workflows import this file. Messages never carry row data, passwords or PostgreSQL's own message texts.
 */
export const errorTypes = {
  /** The operator asked for something that can't be: ends the workflow FAILED, at once. */
  BadInput: { retryable: false },
  /** Something in the database that the plan would break: parks `preflight`. */
  Hazard: { retryable: false },
  /** A step could not do its work; it gave up after its retries, or no retry can help. */
  StepFailed: { retryable: false },
  /** PostgreSQL refused for a reason that may pass: lock not had, deadlock, connection lost, disk full. */
  Transient: { retryable: true },
  /** Validation, a probe or a check says that the data are not as they must be. */
  ValidationFailed: { retryable: false },
  /** What was found under the locks is not what preflight saw. */
  SchemaMoved: { retryable: false },
  /** Another run owns the database. */
  NotOwner: { retryable: false },
} as const;

export type ErrorType = keyof typeof errorTypes;

export interface ErrorDetails {
  /** Stable and documented: `plan.unknown-word`, `connection.unknown`, `privilege.missing` ... */
  code: string;
  /** What happened, in our own words: names and counts only. */
  message: string;
  /** What the reader can do about it, as an imperative sentence or a command. */
  remedy: string;
  /** The object, or file:line:column and field, that it is about. */
  where?: string;
  sqlstate?: string;
}

export class RekeyError extends Error {
  readonly retryable: boolean;
  readonly code: string;
  readonly remedy: string;
  readonly where?: string;
  readonly sqlstate?: string;

  constructor(
    readonly type: ErrorType,
    readonly details: ErrorDetails,
  ) {
    super(details.where ? `${details.where}: ${details.message}` : details.message);
    this.name = type;
    this.retryable = errorTypes[type].retryable;
    this.code = details.code;
    this.remedy = details.remedy;
    this.where = details.where;
    this.sqlstate = details.sqlstate;
  }
}

/** One thing that preflight or plan check found. No `accept` lifts `stop`; `accept` needs the plan's because. */
export interface Hazard {
  hazard: string;
  rank: 'stop' | 'accept' | 'note';
  /** The object it is about, as the plan would name it. */
  on: string;
  message: string;
  remedy: string;
  count?: number;
}
