import type { ErrorType } from '../errors.js';

export interface PostgresErrorKind {
  type: ErrorType;
  code: string;
  message: string;
  remedy: string;
}

const look = "`rekey findings` shows PostgreSQL's own words; look at the server log of this moment, too.";

/**
 * By SQLSTATE, else by its first two characters (the class). One table, so that the docs of errors can be made of it.
 * Our own words: PostgreSQL's message and detail may hold row data and must not reach a workflow's history.
 */
export const postgresErrors: Record<string, PostgresErrorKind> = {
  '08': {
    type: 'Transient',
    code: 'connection.lost',
    message: 'the connection to PostgreSQL was lost',
    remedy: 'Nothing, if the server comes back: the step is tried again.',
  },
  '57P01': {
    type: 'Transient',
    code: 'connection.ended',
    message: 'the server ended this connection',
    remedy: 'Nothing, if the server is up: the step is tried again.',
  },
  '57P02': {
    type: 'Transient',
    code: 'connection.lost',
    message: 'the server went down while it worked',
    remedy: 'Nothing, if the server comes back: the step is tried again.',
  },
  '57P03': {
    type: 'Transient',
    code: 'connection.no-answer',
    message: 'the server is starting, stopping or recovering',
    remedy: 'Wait until the server accepts connections.',
  },
  '57P05': {
    type: 'Transient',
    code: 'connection.ended',
    message: 'the server ended this connection because it was idle',
    remedy: 'Nothing: the step is tried again.',
  },
  '25P03': {
    type: 'Transient',
    code: 'connection.ended',
    message: 'the server ended a transaction that was idle for too long',
    remedy: 'Nothing: the step is tried again. Look for a worker that is short of CPU if it comes again.',
  },
  '25P04': {
    type: 'Transient',
    code: 'postgres.transaction-timeout',
    message: 'the server ended a transaction because of transaction_timeout',
    remedy: "Set transaction_timeout to 0 for Rekey's role.",
  },
  '28': {
    type: 'BadInput',
    code: 'connection.refused',
    message: 'the server refused this user or password',
    remedy: 'Correct the connection in the environment of the worker, or the server’s pg_hba.conf.',
  },
  '3D000': {
    type: 'BadInput',
    code: 'connection.no-database',
    message: 'the server has no such database',
    remedy: 'Correct the connection in the environment of the worker.',
  },
  '25006': {
    type: 'Transient',
    code: 'connection.read-only',
    message: 'the server takes no writes: a standby, or default_transaction_read_only',
    remedy: 'Point the connection at the primary.',
  },
  '40001': {
    type: 'Transient',
    code: 'postgres.serialization',
    message: 'a concurrent change came first',
    remedy: 'Nothing: the step is tried again.',
  },
  '40P01': {
    type: 'Transient',
    code: 'postgres.deadlock',
    message: 'PostgreSQL broke a deadlock with another client at our cost',
    remedy: 'Nothing: the step is tried again.',
  },
  '40': {
    type: 'Transient',
    code: 'postgres.rolled-back',
    message: 'PostgreSQL rolled the transaction back',
    remedy: 'Nothing: the step is tried again.',
  },
  '55P03': {
    type: 'Transient',
    code: 'locks.not-had',
    message: 'a lock was not to be had in time',
    remedy: 'Look for long transactions on the table; the step is tried again.',
  },
  '55006': {
    type: 'Transient',
    code: 'postgres.in-use',
    message: 'the object is in use',
    remedy: 'Nothing: the step is tried again.',
  },
  '57014': {
    type: 'Transient',
    code: 'postgres.cancelled',
    message: 'a statement was cancelled or ran into its timeout',
    remedy: 'Nothing, unless somebody cancels our statements on purpose: the step is tried again.',
  },
  '53100': {
    type: 'Transient',
    code: 'postgres.disk-full',
    message: "the server's disk is full",
    remedy: 'Make room on the server, then resolve with retry.',
  },
  '53200': {
    type: 'Transient',
    code: 'postgres.out-of-memory',
    message: 'the server is out of memory or of lock slots',
    remedy: 'Raise max_locks_per_transaction, or give the server more memory.',
  },
  '53300': {
    type: 'Transient',
    code: 'connection.too-many',
    message: 'the server has no connection left',
    remedy: 'Raise max_connections, or lower `parallel` in the plan.',
  },
  '53': {
    type: 'Transient',
    code: 'postgres.no-resources',
    message: 'the server is short of a resource',
    remedy: look,
  },
  '58': {
    type: 'Transient',
    code: 'postgres.system',
    message: "the server's system failed under it (files, devices)",
    remedy: look,
  },
  '42501': {
    type: 'StepFailed',
    code: 'privilege.missing',
    message: "Rekey's role lacks a privilege",
    remedy:
      "`rekey findings` shows PostgreSQL's own words, docs/privileges.md every GRANT: grant what is missing, then resolve with retry, or type the command again.",
  },
  '42P01': {
    type: 'StepFailed',
    code: 'postgres.missing',
    message: 'a table or view is not there',
    remedy:
      '`rekey findings` names it. Find out who dropped or renamed it, then resolve with retry or rollback.',
  },
  '42703': {
    type: 'StepFailed',
    code: 'postgres.missing',
    message: 'a column is not there',
    remedy:
      '`rekey findings` names it. Find out who dropped or renamed it, then resolve with retry or rollback.',
  },
  '42704': {
    type: 'StepFailed',
    code: 'postgres.missing',
    message: 'an object is not there',
    remedy:
      '`rekey findings` names it. Find out who dropped or renamed it, then resolve with retry or rollback.',
  },
  '42883': {
    type: 'StepFailed',
    code: 'postgres.no-operator',
    message: 'a function or operator is not there for these types',
    remedy: 'Give the new text of the expression in the plan (`definitions:`).',
  },
  '42P07': {
    type: 'StepFailed',
    code: 'postgres.name-taken',
    message: 'a table or index of this name is there already',
    remedy: 'Rename or drop it if it is not needed, then resolve with retry.',
  },
  '42710': {
    type: 'StepFailed',
    code: 'postgres.name-taken',
    message: 'an object of this name is there already',
    remedy: 'Rename or drop it if it is not needed, then resolve with retry.',
  },
  '42701': {
    type: 'StepFailed',
    code: 'postgres.name-taken',
    message: 'a column of this name is there already',
    remedy: 'Rename or drop it if it is not needed, then resolve with retry.',
  },
  '42': {
    type: 'StepFailed',
    code: 'postgres.statement',
    message: 'PostgreSQL does not accept a statement',
    remedy: look,
  },
  '23505': {
    type: 'StepFailed',
    code: 'postgres.unique',
    message: 'two rows have the same value where it must be unique',
    remedy: 'Find the rows (`rekey findings`), repair them, then resolve with retry.',
  },
  '23503': {
    type: 'StepFailed',
    code: 'postgres.orphan',
    message: 'a reference leads to no row',
    remedy: 'Find the rows (`rekey findings`), repair them, then resolve with retry.',
  },
  '23': {
    type: 'StepFailed',
    code: 'postgres.constraint',
    message: 'a row breaks a constraint',
    remedy: 'Find the rows (`rekey findings`), repair them, then resolve with retry.',
  },
  '2BP01': {
    type: 'StepFailed',
    code: 'postgres.dependents',
    message: 'something that Rekey does not know depends on the object',
    remedy:
      '`rekey findings` names it: drop what was made since, or put it into the plan, then resolve with retry, or type the command again.',
  },
};

/** Any other SQLSTATE. */
export const unknownError: PostgresErrorKind = {
  type: 'StepFailed',
  code: 'postgres.refused',
  message: 'PostgreSQL refused a statement',
  remedy: look,
};

/** Nothing came back that has a SQLSTATE. */
export const noAnswer: PostgresErrorKind = {
  type: 'Transient',
  code: 'connection.no-answer',
  message: 'the server does not answer',
  remedy: 'Start the server, or correct the connection in the environment of the worker.',
};

/** 42501 of a query that row security would make smaller: a privilege would not help. */
export const rowsHidden: PostgresErrorKind = {
  type: 'StepFailed',
  code: 'row-security.hides-rows',
  message: "row-level security would hide rows of a table from Rekey's role",
  remedy:
    'Run alter table <table> no force row level security (select relname from pg_class where relforcerowsecurity names it), or let the role own the table; then resolve with retry.',
};
