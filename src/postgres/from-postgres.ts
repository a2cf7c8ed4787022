import { type ErrorType, RekeyError } from '../errors.js';

/** What was being done when PostgreSQL refused: names only. */
export interface ErrorContext {
  /** as 'openSession', 'addColumns': goes into no message, only `where` does */
  connection?: string;
  /** the object, as a plan would name it */
  where?: string;
}

export interface PostgresErrorKind {
  type: ErrorType;
  code: string;
  message: string;
  remedy: string;
}

const look = 'Look into the journal (`rekey status`, `rekey findings`) and the server log for this moment.';

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
    remedy: 'Run preflight again: it names the missing privilege with its GRANT.',
  },
  '42P01': {
    type: 'StepFailed',
    code: 'postgres.missing',
    message: 'a table or view is not there',
    remedy: 'Find out who dropped or renamed it, then resolve with retry or rollback.',
  },
  '42703': {
    type: 'StepFailed',
    code: 'postgres.missing',
    message: 'a column is not there',
    remedy: 'Find out who dropped or renamed it, then resolve with retry or rollback.',
  },
  '42704': {
    type: 'StepFailed',
    code: 'postgres.missing',
    message: 'an object is not there',
    remedy: 'Find out who dropped or renamed it, then resolve with retry or rollback.',
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
    remedy: 'Drop what was made since, or put it into the plan, then resolve with retry.',
  },
};

const unknown: PostgresErrorKind = {
  type: 'StepFailed',
  code: 'postgres.refused',
  message: 'PostgreSQL refused a statement',
  remedy: look,
};

const noAnswer: PostgresErrorKind = {
  type: 'Transient',
  code: 'connection.no-answer',
  message: 'the server does not answer',
  remedy: 'Start the server, or correct the connection in the environment of the worker.',
};

const connectCodes = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);
const originals = new WeakMap<RekeyError, string>();

/**
 * The one place where an error of pg becomes ours. A RekeyError passes unchanged, and so does what is no error of
 * PostgreSQL or of its connection (a bug of ours must look like one).
 */
export function fromPostgres(error: unknown, context: ErrorContext = {}): Error {
  if (error instanceof RekeyError) return error;
  if (!isErrorLike(error)) return new Error('something that is no error was thrown');
  const found = kindOf(error as Error & PgFields);
  if (!found) return error;
  const { kind, sqlstate } = found;
  const converted = new RekeyError(kind.type, {
    code: kind.code,
    message: sqlstate ? `${kind.message} (SQLSTATE ${sqlstate})` : kind.message,
    remedy: kind.remedy,
    where:
      context.where ??
      objectOf(error as PgFields) ??
      (context.connection && `connection ${context.connection}`),
    sqlstate,
  });
  originals.set(converted, originalText(error as Error & PgFields));
  return converted;
}

/** PostgreSQL's own words, for rekey.journal and rekey.finding only; a WeakMap, so that no serializer ever meets them. */
export function originalOf(error: unknown): string | null {
  return error instanceof RekeyError ? (originals.get(error) ?? null) : null;
}

export function sqlstateOf(error: unknown): string | null {
  return error instanceof RekeyError ? (error.sqlstate ?? null) : null;
}

/** By shape: an error of another realm (a vm context) is no `instanceof Error`. */
function isErrorLike(error: unknown): error is Error {
  return (
    typeof error === 'object' &&
    error !== null &&
    typeof (error as { message?: unknown }).message === 'string'
  );
}

interface PgFields {
  code?: unknown;
  severity?: unknown;
  detail?: unknown;
  schema?: unknown;
  table?: unknown;
  constraint?: unknown;
  errors?: unknown;
}

function kindOf(error: Error & PgFields): { kind: PostgresErrorKind; sqlstate?: string } | null {
  const code = typeof error.code === 'string' ? error.code : '';
  if (/^[0-9A-Z]{5}$/.test(code) && error.severity !== undefined) {
    return { kind: postgresErrors[code] ?? postgresErrors[code.slice(0, 2)] ?? unknown, sqlstate: code };
  }
  // localhost with two addresses fails with an AggregateError of both
  const inner = Array.isArray(error.errors) ? (error.errors[0] as PgFields | undefined) : undefined;
  const system = code || (typeof inner?.code === 'string' ? inner.code : '');
  if (connectCodes.has(system) || /timeout expired|timeout exceeded/i.test(error.message))
    return { kind: noAnswer };
  if (['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(system))
    return { kind: postgresErrors['08'] as PostgresErrorKind };
  if (
    /connection terminated|not queryable|closed the connection|connection.*(ended|closed)/i.test(
      error.message,
    )
  ) {
    return { kind: postgresErrors['08'] as PostgresErrorKind };
  }
  if (/does not support SSL|self.signed|certificate|SASL|password/i.test(error.message)) {
    return {
      kind: {
        ...(postgresErrors['28'] as PostgresErrorKind),
        message: 'TLS or the password of this connection does not fit the server',
      },
    };
  }
  return null;
}

/** Names of schema, table and constraint are no row data. */
function objectOf(error: PgFields): string | undefined {
  if (typeof error.table !== 'string' || !error.table) return undefined;
  const table =
    error.schema === 'public' || typeof error.schema !== 'string'
      ? error.table
      : `${error.schema}.${error.table}`;
  return typeof error.constraint === 'string' && error.constraint ? `${error.constraint} on ${table}` : table;
}

function originalText(error: Error & PgFields): string {
  return typeof error.detail === 'string' && error.detail
    ? `${error.message}\n${error.detail}`
    : error.message;
}
