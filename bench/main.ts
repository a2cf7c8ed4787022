import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clientPlan } from '../chaos/clients/database.js';
import { runByHand } from './by-hand.js';
import { measureClients } from './clients.js';
import { clientsPage } from './clients-page.js';
import { copyDatabase, dropDatabase, makeTemplate, urlsFor } from './database.js';
import { goalsOf } from './goals.js';
import { measureMapRate } from './map-rate.js';
import { mapRatePage } from './map-rate-page.js';
import type { Measured } from './measured.js';
import { measureProtections } from './protections.js';
import { protectionsPage } from './protections-page.js';
import { runRekey } from './rekey.js';
import { page, type Run, tableOf } from './report.js';
import { sizesFor } from './rows.js';
import { type Settings, settingsByName } from './settings.js';
import { type Stage, setStage } from './stage.js';

const usage = `usage: npm run bench -- [--rows 1000000[,4000000]] [--rate 200] [--connections 12] [--side by-hand|rekey] [--settings shipped[,tuned]] [--version 18] [--seed 7] [--write]
       npm run bench -- --clients [--rows 1000000] [--write]
       npm run bench -- --protections [--rows 1000000] [--repeats 3] [--write]
       npm run bench -- --map [--rows 1000000] [--repeats 3] [--write]
Moves the same database from integer to UUID keys by a hand-written script and by Rekey, each under an open loop of client operations.
  --rows   rows of the database; with several sizes each is measured, one after the other
  --settings  shipped: PostgreSQL as it comes; tuned: all data in its memory
  --clients  measures what clients of every kind notice of a whole plan, forward, back, forward again and cleaned up
  --protections  measures what single protections cost: sync trigger, orchestration, batches that get shorter for clients
  --map  measures what ranges at the same time and several passes are worth to map
  --write  writes the tables to docs/benchmark.md, docs/live-clients.md, docs/protections.md or docs/map-rate.md`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '1000000' },
      rate: { type: 'string', default: '200' },
      connections: { type: 'string', default: '12' },
      seed: { type: 'string', default: '7' },
      version: { type: 'string', default: '18' },
      batch: { type: 'string' },
      side: { type: 'string' },
      settings: { type: 'string', default: 'shipped' },
      clients: { type: 'boolean', default: false },
      protections: { type: 'boolean', default: false },
      map: { type: 'boolean', default: false },
      repeats: { type: 'string', default: '3' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const root = process.cwd();
  const version = Number(values.version);
  const say = clock();
  const names = values.settings.split(',');
  for (const name of names)
    if (!settingsByName[name])
      throw new Error(`no settings ${name}; there are ${Object.keys(settingsByName)}`);
  const load = {
    rate: Number(values.rate),
    connections: Number(values.connections),
    seed: Number(values.seed),
  };
  const plan = (text: string) =>
    values.batch ? text.replace(/batch: \d+/, `batch: ${Number(values.batch)}`) : text;
  let stage: Stage | null = null;
  const end = async (code: number) => {
    await stage?.strike();
    process.exit(code);
  };
  process.once('SIGINT', () => void end(130));
  process.once('SIGTERM', () => void end(143));
  const publish = async (text: string, name: string) => {
    console.log(text);
    if (values.write) await writeFile(join(root, 'docs', name), text);
  };
  try {
    const shipped = (settingsByName.shipped as Settings).values;
    if (values.clients) {
      stage = await setStage(root, version, shipped, () => clientPlan({ name: 'plan' }));
      const measured = await measureClients(stage, Number(values.rows), say);
      const text = clientsPage(measured, version);
      await publish(text, 'live-clients.md');
      console.log(measured.complaints.slice(0, 20).join('\n'));
      return await end(0);
    }
    if (values.protections) {
      stage = await setStage(root, version, shipped, plan);
      const measured = await measureProtections(stage, Number(values.rows), Number(values.repeats), say);
      const text = protectionsPage(measured, version);
      await publish(text, 'protections.md');
      return await end(0);
    }
    if (values.map) {
      stage = await setStage(root, version, shipped, plan);
      const measured = await measureMapRate(stage, Number(values.rows), Number(values.repeats), say);
      const text = mapRatePage(measured, version);
      await publish(text, 'map-rate.md');
      return await end(0);
    }
    const runs: Run[] = [];
    for (const name of names) {
      const settings = settingsByName[name] as Settings;
      stage = await setStage(root, version, settings.values, plan);
      const all: Measured[] = [];
      for (const rows of values.rows.split(',').map(Number))
        all.push(...(await measure(stage, rows, load, values.side ?? 'both', say)));
      await stage.strike();
      runs.push({ settings, all });
      print(settings, all);
    }
    if (values.write) await writeFile(join(root, 'docs', 'benchmark.md'), page(runs, version, load.rate));
    await end(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    await end(1);
  }
}

function print({ title }: Settings, all: Measured[]): void {
  console.log(`\n${title}\n\n${tableOf(all)}\n`);
  for (const { side, rows, parts, failures } of all) {
    console.log(
      `${side}, ${rows} rows: ${parts.map((p) => `${p.part} ${p.seconds.toFixed(1)} s`).join(', ')}`,
    );
    for (const failure of failures.slice(0, 10)) console.log(`  failed: ${failure}`);
  }
  for (const [goal, value, reached] of goalsOf(all))
    console.log(`${goal}: ${value}${reached ? '' : ', NOT REACHED'}`);
}

async function measure(
  stage: Stage,
  rows: number,
  load: { rate: number; connections: number; seed: number },
  side: string,
  say: (text: string) => void,
): Promise<Measured[]> {
  const { postgres, password } = stage;
  const superuser = postgres.superuserUrl;
  const sizes = sizesFor(rows);
  const options = { rows, sizes, ...load };
  const name = `bench_${rows}`;
  say(`making ${rows.toLocaleString('en')} rows`);
  await makeTemplate(superuser, name, sizes, password);
  const measured: Measured[] = [];
  const run = async (database: string, work: (urls: ReturnType<typeof urlsFor>) => Promise<Measured>) => {
    await copyDatabase(superuser, name, database);
    const urls = urlsFor(superuser, database, password);
    measured.push(await work(urls));
    await dropDatabase(superuser, database);
  };
  if (side !== 'rekey') await run('by_hand', (urls) => runByHand(urls, options, say));
  if (side !== 'by-hand')
    await run('rekey', async (urls) => {
      const connection = `bench${rows}`;
      const worker = await stage.startWorker(connection, urls);
      const result = await runRekey(urls, stage.temporal, connection, options, say);
      await worker.end();
      return result;
    });
  await dropDatabase(superuser, name);
  return measured;
}

function clock(): (text: string) => void {
  const began = Date.now();
  return (text) => {
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(
      `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}  ${text}`,
    );
  };
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
