import { join } from 'node:path';
import type { Connection } from '@temporalio/client';
import { setStage as setBench } from '../../bench/stage.js';
import { setStage as setDemo } from '../../examples/demo/stage.js';
import { ownEnvironment } from '../../src/servers/own-environment.js';
import { temporalForTests } from '../servers.js';

const theirs: Record<string, string | undefined> = {};

beforeAll(async () => {
  const { address } = await temporalForTests();
  for (const [name, value] of [
    ['TEMPORAL_ADDRESS', address],
    ['TEMPORAL_NAMESPACE', 'production'],
  ] as const) {
    theirs[name] = process.env[name];
    process.env[name] = value;
  }
});
afterAll(() => {
  for (const [name, value] of Object.entries(theirs))
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

test("a stage's worker sees none of the operator's databases, plans, backups or Temporal", () => {
  const operator = {
    PATH: '/bin',
    REKEY_CONNECTION_SHOP: 'postgresql://production',
    REKEY_CONNECTION_SHOP_SCRATCH: 'postgresql://scratch',
    REKEY_PLANS: 'plans',
    REKEY_BACKUPS: '/backups',
    REKEY_HOOKS: 'hooks.yaml',
    REKEY_PG_BIN: '/usr/bin',
    TEMPORAL_ADDRESS: 'production:7233',
    TEMPORAL_NAMESPACE: 'production',
    TEMPORAL_API_KEY: 'secret',
    TEMPORAL_CLI: '/usr/bin/temporal',
  };
  expect(ownEnvironment(operator, { TEMPORAL_ADDRESS: 'own:7233' })).toEqual({
    PATH: '/bin',
    REKEY_PG_BIN: '/usr/bin',
    TEMPORAL_CLI: '/usr/bin/temporal',
    TEMPORAL_ADDRESS: 'own:7233',
  });
});

test('the benchmark makes a Temporal of its own, whatever TEMPORAL_ADDRESS names', async () => {
  const stage = await setBench(join(__dirname, '../..'), 18, {}, (text) => text);
  try {
    const { options } = stage.temporal.connection as Connection;
    expect(options.address).not.toBe(process.env.TEMPORAL_ADDRESS);
    expect(stage.temporal.options.namespace).toBe('default');
  } finally {
    await stage.strike();
  }
}, 90_000);

test('so does the demonstration', async () => {
  const said: string[] = [];
  let strike: () => Promise<void> = async () => undefined;
  const stage = setDemo({
    rows: 300,
    seed: 1,
    version: 18,
    root: join(__dirname, '../..'),
    say: (text) => said.push(text),
    begun: (how) => {
      strike = how;
    },
  }).catch(() => null);
  const temporal = () => said.find((text) => text.startsWith('Temporal on '));
  while (temporal() === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  await strike();
  await stage;
  expect(temporal()).not.toContain(process.env.TEMPORAL_ADDRESS);
}, 90_000);
