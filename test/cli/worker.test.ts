import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freshDatabase, type SharedTemporal, type TestDatabase, temporalForTests } from '../servers.js';
import { rekey, startRekey } from './run.js';

let database: TestDatabase;
let temporal: SharedTemporal;
let place: string;
let env: Record<string, string>;

beforeAll(async () => {
  database = await freshDatabase();
  await database.query('create table users (user_id int primary key, name text)');
  temporal = await temporalForTests({ ownNamespace: true });
  place = await mkdtemp(join(tmpdir(), 'rekey-worker-'));
  await writeFile(
    join(place, 'shop.yaml'),
    'version: 1\nplan: shop\nphases:\n  - { phase: foundation, kind: foundation }\n  - { phase: users, tables: [users] }\n  - { phase: cleanup, kind: cleanup }\n',
  );
  env = {
    REKEY_CONNECTION_SHOP: database.ownerUrl,
    REKEY_PLANS: place,
    REKEY_BACKUPS: join(place, 'backups'),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}, 180_000);

afterAll(async () => {
  await database?.drop();
  await rm(place, { recursive: true, force: true });
});

test('rekey worker does the work; status asks Temporal and prints the commands of the workflow', async () => {
  const worker = startRekey(['worker'], env);
  try {
    await worker.says(/polling the task queue rekey/);
    expect(worker.stdout()).toContain(`rekey: plans        ${place}\nrekey: connections  shop\n`);
    expect(worker.stdout()).toContain('rekey: hooks        REKEY_HOOKS is not set\n');
    expect(worker.stdout() + worker.stderr()).not.toMatch(/webpack|\[INFO\]|secret|postgres:/);
    const input = JSON.stringify({ plan: 'shop', connection: 'shop' });
    await promisify(execFile)(temporal.cliPath, [
      ...['workflow', 'start', '--address', temporal.address, '--namespace', temporal.namespace],
      ...['--task-queue', 'rekey', '--type', 'runMigration', '--workflow-id', 'shop-1', '--input', input],
    ]);
    const report = await until(async () => {
      const { stdout } = await rekey(['status', 'shop', '--json'], env);
      const found = JSON.parse(stdout);
      return found.database.current?.gate ? found : null;
    });
    expect(report.temporal.answer).toMatchObject({ state: 'RUNNING', workers: 1 });
    expect(report.database.owner.workflowId).toBe('shop-1/foundation');
    expect(report.next.map((n: { command: string }) => n.command)).toEqual(report.temporal.answer.memo.next);
    const { gate } = report.database.current;
    expect(report.next[0].command).toContain(`"opening":${gate.opening}`);
    const { stdout } = await rekey(['status', 'shop'], env);
    expect(stdout).toContain('shop-1/foundation is RUNNING; 1 worker polled in the last minute');
  } finally {
    worker.child.kill('SIGTERM');
  }
  expect(await worker.ended).toBe(0);
}, 180_000);

test('a profile that the Temporal CLI knows says where the server is', async () => {
  const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, ...rest } = env;
  const file = join(place, 'temporal.toml');
  await writeFile(
    file,
    `[profile.shop]\naddress = "${TEMPORAL_ADDRESS}"\nnamespace = "${TEMPORAL_NAMESPACE}"\n`,
  );
  const profile = { ...rest, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'shop' };
  const worker = startRekey(['worker'], profile);
  try {
    await worker.says(new RegExp(`polling the task queue rekey of namespace ${TEMPORAL_NAMESPACE}`));
    const { stdout } = await rekey(['status', 'shop', '--json'], profile);
    expect(JSON.parse(stdout).temporal).toMatchObject({
      address: TEMPORAL_ADDRESS,
      answer: { state: 'RUNNING' },
    });
  } finally {
    worker.child.kill('SIGTERM');
  }
  expect(await worker.ended).toBe(0);
}, 60_000);

test('a step that stops is one line in the log of its worker, and a file of hooks that is not there is told at the start', async () => {
  const worker = startRekey(['worker'], { ...env, REKEY_HOOKS: join(place, 'hooks.yaml') });
  try {
    await worker.says(/hooks +.*hooks\.yaml, which is NOT THERE: every phase will stop at preflight/);
    await worker.says(/polling/);
    const at = ['--address', temporal.address, '--namespace', temporal.namespace];
    const input = JSON.stringify({ plan: 'shpo', connection: 'shop' });
    await promisify(execFile)(temporal.cliPath, [
      ...['workflow', 'start', ...at, '--task-queue', 'rekey', '--type', 'runMigration'],
      ...['--workflow-id', 'no-such-plan', '--input', input],
    ]);
    await until(async () => (worker.stderr().includes('plan.not-found') ? true : null));
    expect(worker.stderr()).toMatch(
      /^\S+Z \[WARN\] no-such-plan: readMigration, attempt 1: plan\.not-found: there is no plan "shpo".* there: shop\.$/m,
    );
    expect(worker.stderr()).not.toMatch(/^ +at /m);
  } finally {
    worker.child.kill('SIGTERM');
  }
  expect(await worker.ended).toBe(0);
}, 60_000);

test('rekey worker without a Temporal server: 3', async () => {
  const { code, stderr } = await rekey(['worker'], { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(stderr).toContain('temporal.no-answer');
  expect(code).toBe(3);
}, 60_000);

async function until<T>(look: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < 120; tries++) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('it did not come to that');
}
