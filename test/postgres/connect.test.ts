import net from 'node:net';
import { RekeyError } from '../../src/errors.js';
import { openSession, withSession } from '../../src/postgres/connect.js';
import { connectionVariable, toolEnvironment } from '../../src/postgres/environment.js';
import { originalOf } from '../../src/postgres/from-postgres.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';
import { startPooler } from './transaction-pooler.js';

let database: ConnectedDatabase;
const set = (name: string, url: string) => {
  process.env[connectionVariable(name)] = url;
};
const failure = async (work: Promise<unknown>): Promise<RekeyError> => {
  const error = await work.then(
    () => null,
    (thrown) => thrown,
  );
  if (!(error instanceof RekeyError)) throw error ?? new Error('nothing was thrown');
  return error;
};

beforeAll(async () => {
  database = await connectedDatabase();
});
afterAll(() => database.drop());

describe('a connection', () => {
  test('that nobody configured is refused with the names that exist and without any URL', async () => {
    set('orders-prod', 'postgres://someone:secret@db.example/orders');
    const error = await failure(openSession('order-prod', 'test'));
    expect(error.type).toBe('BadInput');
    expect(error.code).toBe('connection.unknown');
    expect(error.message).toContain('orders-prod');
    expect(error.remedy).toContain('REKEY_CONNECTION_ORDER_PROD');
    expect(JSON.stringify(error)).not.toContain('secret');
    delete process.env[connectionVariable('orders-prod')];
  });

  test('whose variable holds no URL is refused without showing its value', async () => {
    set('odd', 'host=secret-host password=secret');
    const error = await failure(openSession('odd', 'test'));
    expect(error.code).toBe('connection.malformed');
    expect(JSON.stringify([error.message, error.details])).not.toContain('secret');
  });

  test('to a server that is not there is an error that may pass', async () => {
    set('nowhere', 'postgres://moving@127.0.0.1:1/t');
    const error = await failure(openSession('nowhere', 'test'));
    expect([error.type, error.code]).toEqual(['Transient', 'connection.no-answer']);
  });

  test('to a server that accepts and never answers gives up within seconds', async () => {
    const silent = net.createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    set('silent', `postgres://moving@127.0.0.1:${(silent.address() as net.AddressInfo).port}/t`);
    const started = Date.now();
    const error = await failure(openSession('silent', 'test', { answerWithin: 1_000 }));
    expect([error.type, error.code]).toEqual(['Transient', 'connection.no-answer']);
    expect(Date.now() - started).toBeLessThan(4_000);
    silent.close();
  });

  test('to a database that is not there, or as a role that is not there, is bad input', async () => {
    set('no-database', database.ownerUrl.replace(/\/test_.*/, '/not_there'));
    set('no-role', database.url('nobody_at_all'));
    expect((await failure(openSession('no-database', 'test'))).code).toBe('connection.no-database');
    expect((await failure(openSession('no-role', 'test'))).code).toBe('connection.refused');
  });

  test('gets its settings whatever the role has set for itself', async () => {
    const name = new URL(database.ownerUrl).pathname.slice(1);
    const [server] = await database.sql('show server_version_num');
    const version = Math.floor(Number(server?.server_version_num) / 10_000);
    const hostile = {
      search_path: 'public, pg_catalog',
      synchronous_commit: 'off',
      idle_session_timeout: `'2s'`,
      quote_all_identifiers: 'on',
      transform_null_equals: 'on',
      ...(version >= 17 ? { transaction_timeout: `'2s'` } : {}),
    };
    for (const [setting, value] of Object.entries(hostile))
      await database.sql(`alter role current_user in database ${name} set ${setting} = ${value}`);
    await withSession(
      database.connection,
      'settings',
      async (session) => {
        const row = await session.one(
          `select current_setting('row_security') as row_security, current_setting('search_path') as path,
             current_setting('lock_timeout') as lock, current_setting('application_name') as name,
             current_setting('idle_in_transaction_session_timeout') as idle, current_setting('idle_session_timeout') as session,
             current_setting('synchronous_commit') as commits, current_setting('quote_all_identifiers') as quotes,
             current_setting('transform_null_equals') as nulls, current_setting('transaction_timeout', true) as transaction`,
        );
        expect(row).toEqual({
          row_security: 'off',
          path: 'pg_catalog',
          lock: '1234ms',
          name: 'rekey settings',
          idle: '1min',
          session: '0',
          commits: 'on',
          quotes: 'off',
          nulls: 'off',
          transaction: version >= 17 ? '0' : null,
        });
        expect(session.version).toBeGreaterThan(140_000);
      },
      { timeouts: { lock: 1_234 } },
    );
  });

  test('gives client tools their settings through the environment, the password too', () => {
    set('tools', 'postgres://moving:s%40cret@db.example:6543/orders?sslmode=require');
    expect(toolEnvironment('tools')).toMatchObject({
      PGHOST: 'db.example',
      PGPORT: '6543',
      PGUSER: 'moving',
      PGPASSWORD: 's@cret',
      PGDATABASE: 'orders',
      PGSSLMODE: 'require',
    });
  });
});

describe('a pooler', () => {
  const through = async (size: number, mode: 'transaction' | 'session') => {
    const url = new URL(database.ownerUrl);
    const pooler = await startPooler(database.ownerUrl, size, mode);
    url.port = String(pooler.port);
    set('pooled', url.toString());
    return pooler;
  };

  test.each([1, 3])('that shares %i backends by transaction is recognised and refused', async (size) => {
    const pooler = await through(size, 'transaction');
    const error = await failure(openSession('pooled', 'test'));
    expect([error.type, error.code]).toEqual(['BadInput', 'connection.pooler']);
    await pooler.stop();
  });

  test('that keeps a backend for a session is let pass', async () => {
    const pooler = await through(9, 'session');
    await withSession('pooled', 'test', async (session) => {
      expect((await session.one<{ one: number }>('select 1 as one')).one).toBe(1);
    });
    await pooler.stop();
  });
});

describe('an error of PostgreSQL', () => {
  test('carries its SQLSTATE and never its message or detail', async () => {
    await database.sql('create table public.person (id integer primary key, name text unique)');
    await database.sql(`insert into public.person values (1, 'Ada Marker')`);
    await withSession(database.connection, 'test', async (session) => {
      const error = await failure(session.query(`insert into public.person values (2, 'Ada Marker')`));
      expect([error.type, error.code, error.sqlstate]).toEqual(['StepFailed', 'postgres.unique', '23505']);
      expect(error.message).toBe(
        'person_name_key on person: two rows have the same value where it must be unique (SQLSTATE 23505)',
      );
      expect(JSON.stringify({ ...error, stack: error.stack, cause: error.cause })).not.toContain('Marker');
      expect(originalOf(error)).toContain('Ada Marker');
    });
  });

  test('that ends the connection is one that may pass, and the session says so from then on', async () => {
    await withSession(database.connection, 'test', async (session) => {
      await database.sql('select pg_terminate_backend($1)', [session.pid]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const error = await failure(session.query('select 1'));
      expect(error.type).toBe('Transient');
      expect(error.code).toMatch(/^connection\.(ended|lost)$/);
    });
  });
});

describe('a cancelled session', () => {
  test('stops its statement on the server and throws the reason of the cancellation', async () => {
    await withSession(database.connection, 'test', async (session) => {
      const stop = new AbortController();
      const reason = new Error('cancelled by the operator');
      setTimeout(() => stop.abort(reason), 100);
      const started = Date.now();
      await expect(session.cancellable(stop.signal, () => session.query('select pg_sleep(20)'))).rejects.toBe(
        reason,
      );
      expect(Date.now() - started).toBeLessThan(3_000);
      expect(await session.query('select 1 as one')).toEqual([{ one: 1 }]);
    });
  });

  test('is cut off where no second connection is to be had, and the server ends its statement', async () => {
    set('cut-off', database.ownerUrl);
    const session = await openSession('cut-off', 'cut off');
    set('cut-off', 'postgres://moving@127.0.0.1:1/t');
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stop')), 100);
    await expect(
      session.cancellable(stop.signal, () => session.query('select pg_sleep(30)')),
    ).rejects.toThrow('stop');
    const running = () => database.sql('select from pg_stat_activity where pid = $1', [session.pid]);
    for (let i = 0; i < 100 && (await running()).length > 0; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await running()).toEqual([]);
    await session.close();
  });

  test('rolls its transaction back', async () => {
    await database.sql('create table public.note (id integer)');
    await withSession(database.connection, 'test', async (session) => {
      const stop = new AbortController();
      const work = session.cancellable(stop.signal, () =>
        session.transaction(async () => {
          await session.query('insert into public.note values (1)');
          stop.abort(new Error('stop'));
          await session.query('insert into public.note values (2)');
        }),
      );
      await expect(work).rejects.toThrow('stop');
      expect(session.inTransaction).toBe(false);
      expect(await session.query('select id from public.note')).toEqual([]);
    });
  });
});

describe('a transaction', () => {
  test('in which a swallowed statement failed is not reported as committed', async () => {
    await withSession(database.connection, 'test', async (session) => {
      const work = session.transaction(async () => {
        await session.query('select 1/0').catch(() => undefined);
      });
      await expect(work).rejects.toThrow('was to be committed');
    });
  });

  test('inside a transaction is a savepoint', async () => {
    await withSession(database.connection, 'test', async (session) => {
      const value = await session.transaction(async () => {
        await session.transaction(() => session.query('select 1/0')).catch(() => undefined);
        return session.one('select 7 as seven');
      });
      expect(value).toEqual({ seven: 7 });
    });
  });
});
