import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { createWorker } from '../../worker.js';
import { checkpoint, FakeWorld, planHash } from './fake-world.js';
import { approve, gate, Harness, type Playground, statusOf, until } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

type Payload = temporal.api.common.v1.IPayload;

function world(): FakeWorld {
  const made = new FakeWorld();
  made.brief = { checkpoints: [checkpoint('before-swap'), checkpoint('after-swap')] };
  return made;
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

/** What no SDK sends, but whoever can reach the server can; the command line with --input-meta is enough. */
const undecodable: Payload[] = [
  { metadata: { encoding: bytes('json/plain') }, data: bytes('{"by":') },
  { metadata: { encoding: bytes('json/plain') }, data: new Uint8Array([0xff, 0xfe, 0x00]) },
  { metadata: { encoding: bytes('binary/secret') }, data: bytes('xyz') },
  { metadata: { encoding: bytes('binary/protobuf'), messageType: bytes('a.B') }, data: bytes('x') },
  { metadata: { encoding: bytes('json/protobuf') }, data: bytes('{}') },
  { data: bytes('{"by":"ann"}') },
  {},
];

async function send(
  on: Playground,
  handle: WorkflowHandle,
  name: string,
  payloads: Payload[],
): Promise<void> {
  await on.client.workflowService.signalWorkflowExecution({
    namespace: harness.server.namespace,
    workflowExecution: { workflowId: handle.workflowId },
    signalName: name,
    input: { payloads },
    identity: 'somebody',
    requestId: randomUUID(),
  });
}

test('signals that can not even be decoded end or stop no phase; each is recorded', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    for (const payload of undecodable) await send(on, handle, 'approve', [payload]);
    for (const name of ['reject', 'resolve', 'pause', 'resume', 'aprove', '__not_a_signal', ''])
      await send(on, handle, name, [{ metadata: { encoding: bytes('no/such') } }]).catch((error: unknown) => {
        // the server itself refuses a signal without a name
        if (name !== '') throw error;
      });
    await until(
      () => on.world.decisions.length,
      (count) => count >= undecodable.length + 5,
    );
    expect(on.world.decisions.filter(({ verdict }) => verdict === 'counted')).toEqual([]);
    expect((await statusOf(handle)).state).toBe('waiting-for-approval');
    await approve(handle, 'before-swap');
    await approve(handle, 'after-swap');
    expect((await handle.result()).outcome).toBe('done');
  }));

test('an update that can not be decoded is answered, and the phase goes on waiting', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    await on.client.workflowService.updateWorkflowExecution({
      namespace: harness.server.namespace,
      workflowExecution: { workflowId: handle.workflowId },
      waitPolicy: { lifecycleStage: 3 },
      request: {
        meta: { updateId: randomUUID(), identity: 'somebody' },
        input: { name: 'decide', args: { payloads: undecodable.slice(0, 1) } },
      },
    });
    const decision = { decision: 'approve', checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' };
    expect(await handle.executeUpdate('decide', { args: [decision] })).toMatchObject({ counted: true });
  }));

test('a decision of any shape, size and depth is an answer and no error: the phase goes on waiting', () =>
  harness.with(world(), async (on) => {
    const handle = await on.phase();
    const opening = await gate(handle, 'before-swap');
    const right = { checkpoint: 'before-swap', opening, plan: planHash, by: 'ann' };
    let deep: unknown = 1;
    for (let level = 0; level < 2_000; level += 1) deep = [deep];
    const strange: unknown[] = [
      [right],
      [[[]]],
      0,
      Number.MAX_VALUE,
      true,
      'approve',
      '\u0000\ud800',
      deep,
      { ...right, by: { toString: 'ann' } },
      { ...right, by: 'a'.repeat(100_000) },
      { ...right, reason: 'r'.repeat(1_000_000) },
      { ...right, checklist: Array.from({ length: 10_000 }, (_, at) => `item ${at}`) },
      { ...right, opening: Number.MAX_SAFE_INTEGER },
      { ...right, opening: opening + 0.5 },
      { ...right, opening: null },
      { ...right, __proto__: { by: 'eve' }, constructor: 'x' },
      JSON.parse('{"__proto__":{"by":"eve","opening":1}}'),
      Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`word ${at}`, at])),
    ];
    for (const input of strange) await handle.signal('approve', input);
    await until(
      () => on.world.decisions.length,
      (count) => count === strange.length,
    );
    expect(on.world.decisions.filter(({ verdict }) => verdict === 'counted')).toEqual([]);
    // what was sent is in the history once, by the server's doing; what we write of it is short
    for (const decision of on.world.decisions) expect(JSON.stringify(decision).length).toBeLessThan(2_000);
    const { notes } = await statusOf(handle);
    expect(notes.length).toBeLessThanOrEqual(10);
    for (const note of notes) expect(note.length).toBeLessThanOrEqual(400);
    await handle.signal('approve', right);
    await gate(handle, 'after-swap');
  }));

test("the program's own worker ends a phase FAILED whose input can not be decoded, instead of trying it for ever", async () => {
  const { address, namespace } = harness.server;
  const taskQueue = harness.queue();
  const { worker, close } = await createWorker({ address, namespace, taskQueue });
  const running = worker.run();
  const handle = harness.client.workflow.getHandle(`${taskQueue}-undecodable`);
  try {
    await harness.client.workflowService.startWorkflowExecution({
      namespace,
      workflowId: handle.workflowId,
      workflowType: { name: 'runPhase' },
      taskQueue: { name: taskQueue },
      input: { payloads: undecodable.slice(0, 1) },
      requestId: randomUUID(),
    });
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'BadInput', details: [{ code: 'input.unreadable' }] },
    });
  } finally {
    await handle.terminate('the test is over').catch(() => undefined);
    worker.shutdown();
    await running;
    await close();
  }
}, 120_000);
