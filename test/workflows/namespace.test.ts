import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { clusterOf } from '../../activities/cluster.js';
import { temporalForTests } from '../servers.js';
import { checkpoint, FakeWorld } from './fake-world.js';
import { gate, Harness, statusOf, until, untilState } from './harness.js';
import { approveReal, hashOf, peopleAndOrders, RealPhases, type Shop } from './real-phases.js';

/** Whom a namespace names, and what it lacks. */
const plan = `version: 1
plan: shop
backup: { external: snapshot-of-tonight }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - phase: orders
    tables: [orders]
    checkpoints:
      before-swap: { trust: principal, from: ["jwt:ann"] }
`;

let real: RealPhases;
beforeAll(async () => {
  real = await RealPhases.open(plan, peopleAndOrders);
}, 120_000);
afterAll(() => real.close(), 60_000);

const decisions = ({ database }: Shop, phase: string) =>
  database.query(
    `select by, client_identity as identity, principal, verdict from rekey.decision where phase = $1 order by id`,
    [phase],
  );

/** `temporal workflow signal`, by whoever says to be somebody. */
async function send(handle: WorkflowHandle, identity: string, by: string, checkpoint: string): Promise<void> {
  const opening = await gate(handle, checkpoint);
  const input = JSON.stringify({ checkpoint, opening, plan: await hashOf(handle), by });
  await real.harness.cli(
    'workflow',
    'signal',
    '--workflow-id',
    handle.workflowId,
    '--name',
    'approve',
    '--input',
    input,
    '--identity',
    identity,
  );
}

describe('names', () => {
  test('an approval under a forged identity and a forged name is journalled with both, as the claims that they are', async () => {
    const shop = await real.shop();
    const handle = await real.start('runPhase', shop, 'people');
    await send(handle, 'the-pope', 'somebody else', 'before-swap');
    await gate(handle, 'after-swap');
    expect(await decisions(shop, 'people')).toEqual([
      { by: 'somebody else', identity: 'the-pope', principal: null, verdict: 'counted' },
    ]);
    // no more is promised than that: it counted, and the docs say so of both
    const security = readFileSync(join(__dirname, '../../docs/security.md'), 'utf8');
    for (const claim of ['`by`', '`client_identity`'])
      expect(security.split('\n').find((line) => line.startsWith(`| ${claim}`))).toMatch(/\| a claim\b/);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ outcome: 'rolled-back' });
  });

  test('trust: principal on a server that names nobody: every approval is refused with the reason, nothing opens', async () => {
    const shop = await real.shop();
    const people = await real.start('runPhase', shop, 'people');
    await approveReal(people, 'before-swap');
    await approveReal(people, 'after-swap');
    await people.result();
    const orders = await real.start('runPhase', shop, 'orders');
    await send(orders, 'jwt:ann', 'jwt:ann', 'before-swap');
    const status = await untilState(orders, 'waiting-for-approval', ({ notes }) =>
      notes.some((note) => note.includes('not trusted')),
    );
    expect(status.checkpoint).toMatchObject({ name: 'before-swap', approvals: [] });
    // the note is there at once, the journal is told by an activity
    const told = await until(
      () => decisions(shop, 'orders'),
      (rows) => rows.length > 0,
    );
    expect(told).toEqual([
      {
        by: 'jwt:ann',
        identity: 'jwt:ann',
        principal: null,
        verdict: expect.stringMatching(/^not trusted: .*only who the Temporal server vouches for/),
      },
    ]);
    await orders.cancel();
    expect(await orders.result()).toMatchObject({ outcome: 'rolled-back' });
  });

  test('where the server writes a principal on the event it is read, of a signal and of an update, not of what was passed on', async () => {
    const { HistoryEvent } = temporal.api.history.v1;
    const signal = (from: object) => ({
      workflowExecutionSignaledEventAttributes: { signalName: 'approve', identity: 'the-pope', ...from },
      principal: { type: 'jwt', name: 'ann' },
    });
    // as the server sends them: through the same bytes
    const events = [
      signal({}),
      signal({ externalWorkflowExecution: { workflowId: 'shop' } }),
      {
        workflowExecutionUpdateAcceptedEventAttributes: {
          acceptedRequest: { meta: { updateId: 'u', identity: 'cli' } },
        },
        principal: { type: 'jwt', name: 'bob' },
      },
    ].map((event) => HistoryEvent.decode(HistoryEvent.encode(event).finish()));
    const client = {
      connection: {},
      options: { namespace: 'default' },
      workflow: { getHandle: () => ({ fetchHistory: async () => ({ events }) }) },
    } as unknown as Client;
    const run = { workflowId: 'w', firstRunId: 'r', runId: 'r', namespace: 'default' };
    const { sender } = clusterOf(client);
    expect(await sender(run, { signal: 'approve', nth: 1 })).toEqual({
      identity: 'the-pope',
      principal: 'jwt:ann',
    });
    expect(await sender(run, { signal: 'approve', nth: 2 })).toEqual({
      identity: 'the-pope',
      principal: null,
    });
    expect(await sender(run, { update: 'u' })).toEqual({ identity: 'cli', principal: 'jwt:bob' });
  });
});

test('in a namespace that takes no more search attributes a phase goes its way without them', async () => {
  const harness = await Harness.start(await temporalForTests({ ownNamespace: true }));
  try {
    const names = Array.from({ length: 10 }, (_, at) => ['--name', `Other${at}`, '--type', 'Keyword']).flat();
    await harness.cli('operator', 'search-attribute', 'create', ...names);
    const world = new FakeWorld();
    world.brief = { checkpoints: [checkpoint('after-swap')] };
    const { searchAttributes } = clusterOf(
      new Client({ connection: harness.connection, namespace: harness.server.namespace }),
    );
    const fake = world.activities.bind(world);
    const found: string[][] = [];
    world.activities = () => ({
      ...fake(),
      registerSearchAttributes: async () => {
        found.push(await searchAttributes());
        return found.at(-1) ?? [];
      },
    });
    await harness.with(world, async (on) => {
      const handle = await on.phase();
      await gate(handle, 'after-swap');
      expect(found).toEqual([[]]);
      expect((await statusOf(handle)).state).toBe('waiting-for-approval');
      expect((await handle.describe()).memo).toMatchObject({ status: { state: 'waiting-for-approval' } });
    });
  } finally {
    await harness.stop();
  }
});
