import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Connection, Client as TemporalClient } from '@temporalio/client';
import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { startTemporal } from '../../src/servers/temporal.js';

// every server puts its directory here, so that what is left of it can be seen
const place = mkdtempSync(join(tmpdir(), 'servers-'));
chmodSync(place, 0o755);
const environment = { ...process.env };
beforeAll(() => {
  process.env.TMPDIR = place;
});
afterEach(() => {
  process.env = { ...environment, TMPDIR: place };
});
afterAll(() => {
  process.env = environment;
  rmSync(place, { recursive: true, force: true });
});

async function query(server: PostgresServer, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: server.superuserUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
  });
}

async function eventually(what: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not come to that within 15 s');
}

test('PostgreSQL keeps its data and its port over a crash, and stop leaves neither process nor files', async () => {
  const server = await startPostgres({ own: true, maxPreparedTransactions: 3, preload: ['no_such_library'] });
  try {
    expect(await query(server, 'show max_prepared_transactions')).toEqual([
      { max_prepared_transactions: '3' },
    ]);
    expect(await query(server, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
    await query(server, 'create table kept as select 42 as answer');
    await server.crash();
    expect(await listens(server.port)).toBe(false);
    await server.restart();
    await server.restart();
    expect(await query(server, 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(readdirSync(place)).toHaveLength(1);
  } finally {
    await server.stop();
  }
  await server.stop();
  expect(await listens(server.port)).toBe(false);
  expect(readdirSync(place)).toEqual([]);
});

test('Temporal keeps its workflows and its address over a kill, and stop leaves neither process nor files', async () => {
  const server = await startTemporal({ own: true, ui: true });
  const withClient = async <Result>(use: (client: TemporalClient) => Promise<Result>) => {
    const connection = await Connection.connect({ address: server.address });
    try {
      return await use(new TemporalClient({ connection, namespace: server.namespace }));
    } finally {
      await connection.close();
    }
  };
  try {
    expect((await fetch(`${server.uiUrl}/`)).status).toBe(200);
    await withClient((client) => client.workflow.start('any', { workflowId: 'kept', taskQueue: 'nobody' }));
    await server.kill();
    await server.restart();
    const found = await withClient((client) => client.workflow.getHandle('kept').describe());
    expect(found.status.name).toBe('RUNNING');
  } finally {
    await server.stop();
  }
  expect(await listens(Number(server.address.split(':')[1]))).toBe(false);
  expect(readdirSync(place)).toEqual([]);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  '%s to the process that started them leaves no server and no files',
  async (signal) => {
    const root = join(__dirname, '..', '..');
    const child = spawn(process.execPath, ['-r', './test/setup/register.js', 'test/servers/starter.ts'], {
      cwd: root,
      // jest's process.env is a copy, which children do not inherit by themselves
      env: process.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await new Promise<string[]>((resolve) => {
      createInterface(child.stdout).once('line', (text) => resolve([text]));
      child.once('exit', () => resolve(['{"ports":[]}']));
    });
    const { ports } = JSON.parse(line!) as { ports: number[] };
    try {
      expect(ports).toHaveLength(2);
      expect(readdirSync(place)).toHaveLength(2);
      child.kill(signal);
      await eventually(async () => readdirSync(place).length === 0);
      for (const port of ports) expect(await listens(port)).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  },
);

test('a server that the environment names is used where its version fits, and is left running', async () => {
  const first = await startPostgres({ own: true });
  try {
    process.env.REKEY_TEST_POSTGRES = first.superuserUrl;
    const named = await startPostgres();
    expect(named).toMatchObject({ ours: false, port: first.port, version: 18 });
    await named.stop();
    await expect(named.crash()).rejects.toThrow('not ours');
    expect(await query(first, 'select 1 as one')).toEqual([{ one: 1 }]);
    const other = await startPostgres({ version: 15 });
    expect(other).toMatchObject({ ours: true, version: 15 });
    await other.stop();
  } finally {
    await first.stop();
  }
  await expect(startPostgres()).rejects.toMatchObject({ code: 'server.address-silent' });
});

test('a Temporal address that the environment names is used, and the temporal command is found all the same', async () => {
  const first = await startTemporal({ own: true, keepState: false, namespace: 'theirs' });
  try {
    process.env.TEMPORAL_ADDRESS = first.address;
    process.env.TEMPORAL_NAMESPACE = 'theirs';
    const named = await startTemporal();
    expect(named).toMatchObject({
      ours: false,
      address: first.address,
      namespace: 'theirs',
      cliPath: first.cliPath,
    });
    await named.stop();
    await expect(named.kill()).rejects.toThrow('not ours');
    expect(await listens(Number(first.address.split(':')[1]))).toBe(true);
  } finally {
    await first.stop();
  }
});
