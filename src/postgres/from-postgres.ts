import { RekeyError } from '../errors.js';
import { noAnswer, type PostgresErrorKind, postgresErrors, rowsHidden, unknownError } from './sqlstates.js';

/** What was being done when PostgreSQL refused: names only. */
export interface ErrorContext {
  /** as 'openSession', 'addColumns': goes into no message, only `where` does */
  connection?: string;
  /** the object, as a plan would name it */
  where?: string;
}

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
  /** PostgreSQL's own function that raised it: in no language but its own */
  routine?: unknown;
  errors?: unknown;
}

function kindOf(error: Error & PgFields): { kind: PostgresErrorKind; sqlstate?: string } | null {
  const code = typeof error.code === 'string' ? error.code : '';
  if (/^[0-9A-Z]{5}$/.test(code) && error.severity !== undefined) {
    if (code === '42501' && error.routine === 'check_enable_rls') return { kind: rowsHidden, sqlstate: code };
    return { kind: kindOfState(code, error), sqlstate: code };
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

/**
 * By SQLSTATE, except where PostgreSQL has none for it: a quota or a limit on the size of files is as full a disk as any
 * other, and a server that panics goes down with all its sessions and recovers, whatever it died of.
 */
function kindOfState(code: string, { message, severity }: Error & PgFields): PostgresErrorKind {
  const known = postgresErrors[code] ?? postgresErrors[code.slice(0, 2)];
  if (known) return known;
  if (/no space left on device|disk quota exceeded|file too large/i.test(message))
    return postgresErrors['53100'] as PostgresErrorKind;
  return severity === 'PANIC' ? (postgresErrors['57P02'] as PostgresErrorKind) : unknownError;
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
