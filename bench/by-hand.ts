import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { benchDirectory, type Urls, withClient } from './database.js';
import { startLoad } from './load.js';
import { kindsOfFailure, longest, type Measured } from './measured.js';
import type { Sizes } from './rows.js';
import { LogSampler } from './sampler.js';
import { verify } from './verify.js';

/** How the clients of the script translate keys: by its own mapping. There is no way back in it. */
const translator = {
  uuid: 'select new_id::text as key from account_keys where old_id = $1',
  integer: 'select old_id::text as key from account_keys where new_id = $1',
};

const deadlock = '40P01';

/** Runs by-hand.sql under load, each group in one transaction. */
export async function runByHand(
  urls: Urls,
  options: { rows: number; sizes: Sizes; rate: number; connections: number; seed: number },
  say: (text: string) => void,
): Promise<Measured> {
  const groups = await readGroups();
  const load = await startLoad({ ...options, url: urls.app, translator });
  const sampler = await LogSampler.start(urls.superuser);
  try {
    await new Promise((r) => setTimeout(r, 2_000));
    const began = Date.now();
    const parts: Measured['parts'] = [];
    let cutover = { from: began, to: began };
    await withClient(urls.owner, async (client) => {
      for (const { name, text } of groups) {
        const from = Date.now();
        await runGroup(client, name, text, say);
        cutover = { from, to: Date.now() };
        parts.push({ part: name, seconds: (cutover.to - from) / 1000 });
        say(`by hand: ${name}, ${((cutover.to - from) / 1000).toFixed(1)} s`);
      }
    });
    // the clients that were held up have to be served, too: their time counts
    await new Promise((r) => setTimeout(r, 2_000));
    await load.stop();
    await sampler.stop();
    return {
      side: 'by hand',
      rows: options.rows,
      seconds: (cutover.to - began) / 1000,
      logBytes: sampler.between(began, cutover.to),
      cutoverMs: cutover.to - cutover.from,
      swapBackMs: null,
      longestStallMs: longest(load.timings, [cutover], false),
      longestStallAtCutoverMs: longest(load.timings, [cutover], true),
      longestStallAtSwapBackMs: null,
      operations: load.operations(),
      retried: load.retried(),
      failed: load.failures.length,
      failures: kindsOfFailure(load),
      verdict: await verify(urls.superuser, options.sizes, load.ledger),
      afterSwapBack: null,
      mapRowsPerSecond: null,
      parts,
    };
  } finally {
    await load.stop().catch(() => undefined);
  }
}

async function runGroup(
  client: Client,
  name: string,
  text: string,
  say: (text: string) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(`begin; ${text}; commit`);
      return;
    } catch (error) {
      await client.query('rollback');
      if ((error as { code?: string }).code !== deadlock || attempt === 20) throw error;
      say(`by hand: ${name} was the victim of a deadlock, once more`);
    }
  }
}

async function readGroups(): Promise<{ name: string; text: string }[]> {
  const text = await readFile(join(benchDirectory(), 'by-hand.sql'), 'utf8');
  return text
    .split(/^-- group: /m)
    .slice(1)
    .map((group) => {
      const end = group.indexOf('\n');
      return { name: group.slice(0, end).trim(), text: group.slice(end).trim().replace(/;\s*$/, '') };
    });
}
