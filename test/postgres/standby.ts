import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { Client } from 'pg';
import { accountForPostgres } from '../../src/servers/account.js';
import { freePorts } from '../../src/servers/free-port.js';
import { KeptServer } from '../../src/servers/kept.js';
import type { PostgresServer } from '../../src/servers/postgres.js';

/** A physical standby of a server of ours, made by hand (embedded builds have no pg_basebackup). It waits for reports. */
export async function startStandby(
  primary: PostgresServer,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const account = accountForPostgres();
  const kept = new KeptServer('standby', account, 'INT');
  const client = new Client({ connectionString: primary.superuserUrl });
  await client.connect();
  const directory = (await client.query('show data_directory')).rows[0].data_directory;
  const data = kept.path('data');
  await client.query(`select pg_backup_start('standby', true)`);
  // as the server's account: cp's complaint about a file that went away meanwhile is none
  execFileSync(
    '/bin/sh',
    ['-c', 'cp -r "$0" "$1" || true; rm -f "$1/postmaster.pid"; chmod 700 "$1"', directory, data],
    {
      ...account,
      stdio: 'ignore',
    },
  );
  const { labelfile } = (await client.query('select labelfile from pg_backup_stop(false)')).rows[0];
  await client.end();

  const [port = 0] = await freePorts(1);
  const source = new URL(primary.superuserUrl);
  const own = { mode: 0o666 };
  writeFileSync(`${data}/backup_label`, labelfile, own);
  writeFileSync(`${data}/standby.signal`, '', own);
  appendFileSync(
    `${data}/postgresql.conf`,
    `\nprimary_conninfo = 'host=127.0.0.1 port=${source.port} user=${source.username} password=${source.password}'
unix_socket_directories = '${kept.directory}'
hot_standby = on
max_standby_streaming_delay = -1
wal_receiver_status_interval = 1\n`,
  );
  if (account.uid !== undefined) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, data]);
  kept.launch(`${primary.binDir}/postgres`, ['-D', data, '-p', String(port)]);
  source.port = String(port);
  const url = source.toString();
  for (let attempt = 0; ; attempt += 1) {
    const probe = new Client({ connectionString: url });
    probe.on('error', () => undefined);
    const up = await probe.connect().then(
      () => true,
      () => false,
    );
    await probe.end().catch(() => undefined);
    if (up) break;
    if (attempt === 150) throw new Error(`the standby does not start: ${kept.output().slice(-500)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, stop: () => kept.stop() };
}
