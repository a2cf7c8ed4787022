import { layBareFoundation, runBare } from './bare.js';
import { copyDatabase, dropDatabase, makeTemplate, type Urls, urlsFor, withClient } from './database.js';
import { type MapUnderLoad, mapUnderLoad } from './feedback.js';
import { runPhase } from './rekey.js';
import { sizesFor } from './rows.js';
import type { Stage } from './stage.js';
import { compareWrites, type WriteTimes } from './write-cost.js';

export interface Protections {
  rows: number;
  /** writes on the database as it was, and on the same one at some moments of a phase */
  writes: Map<string, WriteTimes>;
  /** seconds from `addColumns` to the end of `swapKeys`, nobody else on the database */
  orchestration: { bare: number[]; temporal: number[] };
  /** `map` under load, whose batches get shorter where clients wait for them, and the same without a look at them */
  feedback: { looking: MapUnderLoad[]; blind: MapUnderLoad[] };
}

export const untouched = 'without Rekey';
export const moments = {
  'sync trigger': 'addColumns',
  'sync trigger and twins': 'buildTwins',
  'after the cutover': 'swapKeys',
} as const;

/** Measures what single protections cost, each beside the same without it, in one run. */
export async function measureProtections(
  stage: Stage,
  rows: number,
  repeats: number,
  say: (text: string) => void,
): Promise<Protections> {
  const { postgres, password } = stage;
  const superuser = postgres.superuserUrl;
  const template = `protections_${rows}`;
  say(`making ${rows.toLocaleString('en')} rows`);
  await makeTemplate(superuser, template, sizesFor(rows), password);
  const copy = async (name: string): Promise<Urls> => {
    await copyDatabase(superuser, template, name);
    return urlsFor(superuser, name, password);
  };
  process.env.REKEY_PLANS = stage.plans;
  const bare = async (name: string, until: Parameters<typeof runBare>[2]) => {
    const urls = await copy(name);
    process.env[`REKEY_CONNECTION_${name.toUpperCase()}`] = urls.owner;
    await layBareFoundation(name);
    return { urls, seconds: await runBare(name, 'accounts', until) };
  };

  const orchestration: Protections['orchestration'] = { bare: [], temporal: [] };
  for (let at = 0; at < repeats; at++) {
    const alone = async () => {
      orchestration.bare.push((await bare(`bare_${at}`, 'swapKeys')).seconds);
      await dropDatabase(superuser, `bare_${at}`);
    };
    const led = async () => {
      const urls = await copy(`orchestrated_${at}`);
      orchestration.temporal.push(await throughTemporal(stage, urls, `orchestrated${at}`));
      await dropDatabase(superuser, `orchestrated_${at}`);
    };
    // whoever comes second finds the disk busy with what the first has written
    for (const one of at % 2 === 0 ? [alone, led] : [led, alone]) await one();
    say(
      `without Temporal ${orchestration.bare.at(-1)?.toFixed(1)} s, with it ${orchestration.temporal.at(-1)?.toFixed(1)} s`,
    );
  }

  const feedback: Protections['feedback'] = { looking: [], blind: [] };
  for (let at = 0; at < repeats; at++)
    for (const [side, blind] of [
      ['looking', false],
      ['blind', true],
    ] as const) {
      const name = `${side}_${at}`;
      const under = await mapUnderLoad(await copy(name), name, { sizes: sizesFor(rows), blind });
      feedback[side].push(under);
      await dropDatabase(superuser, name);
      say(
        `map, ${side}: ${under.seconds.toFixed(1)} s, ${under.over30} of ${under.operations} operations over 30 ms`,
      );
    }

  const databases = [{ name: untouched, url: (await copy('untouched')).app }];
  for (const [name, until] of Object.entries(moments)) {
    const { urls } = await bare(`until_${until.toLowerCase()}`, until);
    databases.push({ name, url: urls.app });
  }
  say('writing to all of them by turns');
  const writes = await compareWrites(databases);
  return { rows, writes, orchestration, feedback };
}

/**
 * The phase through workflow, worker and gate; seconds as `runBare` counts them, without those for which the gate waited for
 * its approval. It is looked at once a second: each look keeps worker and server busy, and is not what is measured.
 */
async function throughTemporal(stage: Stage, urls: Urls, connection: string): Promise<number> {
  const worker = await stage.startWorker(connection, urls);
  let approvedAt = Number.NaN;
  const approve = async (checkpoint: string) => {
    if (checkpoint === 'before-swap') approvedAt = Date.now();
    return 'approve' as const;
  };
  try {
    await runPhase(stage.temporal, connection, 'foundation', approve, () => undefined, 1_000);
    await runPhase(stage.temporal, connection, 'accounts', approve, () => undefined, 1_000);
  } finally {
    await worker.end();
  }
  return withClient(urls.superuser, async (client) => {
    const { rows } = await client.query<{ seconds: number }>(
      `with opened as (select opened_at as at from rekey.opening where phase = 'accounts' and gate = 'before-swap')
       select extract(epoch from max(at) filter (where step = 'swapKeys') - max(at) filter (where step = 'backup'))::float8
         - ($1::float8 - (select extract(epoch from at)::float8 from opened)) as seconds
       from rekey.journal where phase = 'accounts' and kind = 'step'`,
      [approvedAt / 1000],
    );
    return rows[0]?.seconds ?? Number.NaN;
  });
}
