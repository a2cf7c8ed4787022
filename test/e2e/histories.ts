import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { everyText, marker } from './marker.js';
import type { Stage } from './stage.js';

const folder = join(__dirname, '../histories');

/** Everything that Temporal knows of a run: its history, memo and search attributes, as text. */
export async function allThatTemporalKnows(stage: Stage, workflowId: string): Promise<string> {
  const handle = stage.handle(workflowId);
  const [history, { memo, searchAttributes, raw }] = await Promise.all([
    handle.fetchHistory(),
    handle.describe(),
  ]);
  return everyText([history.events, memo, searchAttributes, raw]);
}

/** Where the marker of the test data, or what stands in no history, is found in a run. */
export async function leaksOf(stage: Stage, workflowId: string, more: string[] = []): Promise<string[]> {
  const known = await allThatTemporalKnows(stage, workflowId);
  return [marker, ...more].flatMap((text) => {
    const at = known.toLowerCase().indexOf(text.toLowerCase());
    return at < 0 ? [] : [`${workflowId}: ...${known.slice(Math.max(0, at - 200), at + 100)}...`];
  });
}

/** With REKEY_RECORD_HISTORIES set, keeps a run's history on PostgreSQL 18 for test/workflows/replay.test.ts. */
export async function keepHistory(stage: Stage, workflowId: string, name: string): Promise<void> {
  if (!process.env.REKEY_RECORD_HISTORIES || stage.version !== 18) return;
  const text = await stage.workflow('show', workflowId, '--output json');
  // stack traces say where this clone lies
  const anywhere = text.replaceAll(`${join(__dirname, '../..')}/`, '');
  writeFileSync(join(folder, `e2e-${name}.json.gz`), gzipSync(anywhere, { level: 9 }));
}
