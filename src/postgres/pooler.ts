import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { RekeyError } from '../errors.js';

/**
 * Refuses a transaction pooler with BadInput `connection.pooler`: session locks, settings and long transactions don't
 * survive it. A pooler in session mode is harmless and passes. Three signs:
 *  - the backend or a setting differs between two statements outside a transaction;
 *  - the process id that the protocol's handshake gave is not the backend's: somebody stands in between. Only then
 *  - a second client begins a transaction: it gets our backend, or we lose ours to it, if backends are shared.
 * Answers with the backend's process id and server_version_num.
 */
export async function refusePooler(
  connection: string,
  client: Client,
  openSecond: () => Promise<Client>,
): Promise<[pid: number, version: number]> {
  const token = randomUUID();
  const first = await pidOf(
    client,
    `select pg_catalog.pg_backend_pid() as pid, pg_catalog.set_config('rekey.session', '${token}', false)`,
  );
  const again = await client.query<{ pid: number; token: string | null; version: number }>(
    `select pg_catalog.pg_backend_pid() as pid, pg_catalog.current_setting('rekey.session', true) as token,
       pg_catalog.current_setting('server_version_num')::integer as version`,
  );
  const row = again.rows[0] as { pid: number; token: string | null; version: number };
  if (row.pid !== first || row.token !== token) throw refused(connection);

  const handshake = (client as unknown as { processID: number | null }).processID;
  if (handshake !== row.pid && (await sharesBackends(client, row.pid, openSecond))) throw refused(connection);
  return [row.pid, row.version];
}

async function sharesBackends(
  client: Client,
  pid: number,
  openSecond: () => Promise<Client>,
): Promise<boolean> {
  const second = await openSecond();
  try {
    await second.query('begin');
    if ((await pidOf(second)) === pid) return true;
    // with a pool of one backend this waits for ever: no answer is an answer
    const mine = await Promise.race([
      pidOf(client),
      new Promise<null>((resolve) => setTimeout(resolve, 2_000, null).unref()),
    ]);
    return mine !== pid;
  } finally {
    await second.query('rollback').catch(() => undefined);
    await second.end().catch(() => undefined);
  }
}

async function pidOf(client: Client, text = 'select pg_catalog.pg_backend_pid() as pid'): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(text);
  return (rows[0] as { pid: number }).pid;
}

function refused(connection: string): RekeyError {
  return new RekeyError('BadInput', {
    code: 'connection.pooler',
    message: `connection '${connection}' leads through a transaction pooler`,
    remedy: 'Point it at PostgreSQL itself, or at a pool in session mode.',
  });
}
