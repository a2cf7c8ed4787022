import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Worker } from '@temporalio/worker';
import { bundle } from './harness.js';

const folder = join(__dirname, '../histories');
const recorded = readdirSync(folder).filter((name) => name.endsWith('.json.gz'));

function historyOf(name: string): {
  events: { workflowExecutionStartedEventAttributes?: { workflowId: string } }[];
} {
  return JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString());
}

test('there are histories of phases that ended, wait and are parked', () => {
  const names = recorded.map((name) => name.replace('.json.gz', ''));
  expect(names).toEqual(
    expect.arrayContaining([
      'done',
      'waiting',
      'parked',
      'cancelled',
      'cleanup',
      'migration',
      'signals-in-order',
      'rolled-back',
      'e2e-users',
      'e2e-killed-in-map',
    ]),
  );
});

test.each(recorded)('%s does not say on which machine it was recorded', (name) => {
  expect(JSON.stringify(historyOf(name)).match(/[ (]\/[\w./@-]+\.[jt]s:\d+/g) ?? []).toEqual([]);
});

test.each(recorded)('%s goes on under the workflows as they are now', async (name) => {
  const history = historyOf(name);
  const { workflowId } = history.events[0]?.workflowExecutionStartedEventAttributes ?? {};
  await Worker.runReplayHistory({ workflowBundle: await bundle() }, history, workflowId);
});

test('a history that the workflows would not write is noticed', async () => {
  const history = historyOf('done.json.gz');
  const text = JSON.stringify(history).replaceAll('"buildTwins"', '"dropTwins"');
  await expect(
    Worker.runReplayHistory({ workflowBundle: await bundle() }, JSON.parse(text)),
  ).rejects.toThrow();
});
