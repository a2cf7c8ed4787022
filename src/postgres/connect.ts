import { Client } from 'pg';
import { RekeyError } from '../errors.js';
import { connectionConfig } from './environment.js';
import { fromPostgres } from './from-postgres.js';
import { refusePooler } from './pooler.js';
import { Session } from './session.js';

/** ms; 0 means no limit */
export interface SessionTimeouts {
  lock: number;
  statement: number;
  idleInTransaction: number;
}

export interface SessionOptions {
  timeouts?: Partial<SessionTimeouts>;
  /** how long a server may take to let us in, in ms */
  answerWithin?: number;
  /** read another database of the same server (scratch databases) */
  database?: string;
}

/**
 * Statements have no limit of their own by default: an index build on a large table takes hours, a lost client is
 * noticed by client_connection_check_interval, and whatever waits for a lock ends with lock_timeout.
 */
export const defaultTimeouts: SessionTimeouts = { lock: 5_000, statement: 0, idleInTransaction: 60_000 };

/** First words of application_name: the throttle leaves out sessions that begin with it. */
export const applicationPrefix = 'rekey ';

/**
 * A direct connection by its name, set up so that nothing depends on the role's or the database's settings.
 * Throws BadInput `connection.unknown`, `connection.refused`, `connection.no-database`, `connection.pooler`;
 * Transient `connection.no-answer` within `answerWithin` (5 s).
 */
export async function openSession(
  connection: string,
  purpose: string,
  options: SessionOptions = {},
): Promise<Session> {
  const config = connectionConfig(connection);
  const limit = options.answerWithin ?? 5_000;
  const open = async (what: string): Promise<Client> => {
    const client = new Client({
      ...config,
      ...(options.database
        ? { connectionString: withDatabase(config.connectionString ?? '', options.database) }
        : {}),
      application_name: `${applicationPrefix}${what}`.slice(0, 63),
      connectionTimeoutMillis: limit,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    // an error while it connects rejects connect(); one that comes later must not end the process
    client.on('error', () => undefined);
    try {
      await client.connect();
      await answers(client, limit, client.query(setUp({ ...defaultTimeouts, ...options.timeouts })));
      // not on every system; where it is, a backend whose worker was killed ends within seconds
      await client.query(`set client_connection_check_interval = '5s'`).catch(() => undefined);
      // since PostgreSQL 17; an index takes as long as it takes
      await client.query('set transaction_timeout = 0').catch(() => undefined);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw fromPostgres(error, { connection });
    }
  };

  const client = await open(purpose);
  try {
    const [pid, version] = await refusePooler(connection, client, () => open('pooler check'));
    return new Session(client, connection, purpose, pid, version, (what) =>
      openSession(connection, what, options),
    );
  } catch (error) {
    await client.end().catch(() => undefined);
    throw fromPostgres(error, { connection });
  }
}

/** Opens a session, hands it to `fn`, closes it whatever happens. */
export async function withSession<T>(
  connection: string,
  purpose: string,
  fn: (session: Session) => Promise<T>,
  options: SessionOptions = {},
): Promise<T> {
  const session = await openSession(connection, purpose, options);
  try {
    return await fn(session);
  } finally {
    await session.close();
  }
}

/** A pool whose backends are all taken lets us in and then says nothing. */
async function answers(client: Client, limit: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      (client as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream.destroy();
      reject(new Error('timeout expired'));
    }, limit);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

/** Unsupported is not our business here: preflight says so with the rest; this is what every later statement rests on. */
function setUp(timeouts: SessionTimeouts): string {
  return [
    // first: definitions, and settings that are names, are compared as texts
    'set quote_all_identifiers = off',
    'set row_security = off',
    `set search_path = pg_catalog`,
    `set lock_timeout = ${Math.round(timeouts.lock)}`,
    `set statement_timeout = ${Math.round(timeouts.statement)}`,
    `set idle_in_transaction_session_timeout = ${Math.round(timeouts.idleInTransaction)}`,
    // a session that looks at another one may have nothing to do for hours
    'set idle_session_timeout = 0',
    // what a step has been told is committed must outlive a crash; what a failover may lose is for who runs the standbys to say
    `select pg_catalog.set_config('synchronous_commit', 'on', false) where pg_catalog.current_setting('synchronous_commit') = 'off'`,
    // a twin lies where its original does
    `set default_tablespace = ''`,
    // null is compared as the standard says
    'set transform_null_equals = off',
    `set client_min_messages = warning`,
    `set default_transaction_isolation = 'read committed'`,
    `set default_transaction_read_only = off`,
    `set default_transaction_deferrable = off`,
    `set datestyle = 'ISO'`,
    `set intervalstyle = 'postgres'`,
    `set timezone = 'UTC'`,
    `set bytea_output = 'hex'`,
    `set extra_float_digits = 1`,
    `set standard_conforming_strings = on`,
    `set tcp_keepalives_idle = 10`,
    `set tcp_keepalives_interval = 5`,
    `set tcp_keepalives_count = 3`,
  ].join('; ');
}

function withDatabase(url: string, database: string): string {
  const match = /^(postgres(?:ql)?:\/\/[^/?]*)(?:\/[^?]*)?(\?.*)?$/.exec(url);
  if (!match) {
    throw new RekeyError('BadInput', {
      code: 'connection.malformed',
      message: 'the value of this connection is no PostgreSQL URL',
      remedy: 'Write it as postgres://user:password@host:5432/database or service=NAME.',
    });
  }
  return `${match[1]}/${encodeURIComponent(database)}${match[2] ?? ''}`;
}
