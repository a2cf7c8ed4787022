import { NativeConnection, Worker } from '@temporalio/worker';
import { FakeWorld } from './fake-world.js';

/** A worker in a process of its own, for a test to kill: it hangs in the activity that its environment names. */
async function main(): Promise<void> {
  const {
    ADDRESS: address,
    NAMESPACE: namespace,
    QUEUE: taskQueue,
    BUNDLE: codePath,
    HANGS: hangs,
  } = process.env;
  if (!address || !namespace || !taskQueue || !codePath || !hangs) throw new Error('environment is missing');
  const world = new FakeWorld();
  world.hold(hangs);
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    namespace,
    taskQueue,
    workflowBundle: { codePath },
    activities: world.activities() as never,
  });
  await worker.run();
}

void main();
