import { readFileSync } from 'node:fs';
import { NativeConnection, Worker } from '@temporalio/worker';
import { FakeWorld } from './fake-world.js';
import { type Spec, Worlds } from './worlds.js';

/**
 * A worker in a process of its own, for a test to kill: it hangs in the activity that its environment names, or, of many
 * phases, in that of each phase.
 */
async function main(): Promise<void> {
  const { ADDRESS, NAMESPACE, QUEUE, BUNDLE, HANGS, SPECS } = process.env;
  if (!ADDRESS || !NAMESPACE || !QUEUE || !BUNDLE) throw new Error('environment is missing');
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address: ADDRESS }),
    namespace: NAMESPACE,
    taskQueue: QUEUE,
    workflowBundle: { codePath: BUNDLE },
    activities: (SPECS ? many(SPECS) : one(HANGS ?? '')).activities() as never,
  });
  await worker.run();
}

function one(hangs: string): FakeWorld {
  const world = new FakeWorld();
  world.hold(hangs);
  return world;
}

function many(file: string): Worlds {
  const specs = JSON.parse(readFileSync(file, 'utf8')) as Spec[];
  const worlds = new Worlds(specs);
  for (const { phase, hangs, cutOverBefore = false } of specs) {
    worlds.of(phase).cutOver = cutOverBefore;
    worlds.of(phase).hold(hangs);
  }
  return worlds;
}

void main();
