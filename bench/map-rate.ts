import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { batchOf, passesOf, stretchBlocks } from '../activities/map-ranges.js';
import { Pace, Stretch } from '../activities/map-stretch.js';
import { type PhaseWork, withPhase } from '../activities/phase-work.js';
import { batchSql, passSql } from '../src/substitution/map.js';
import { attempt, layBareFoundation, openBare, runBare, runBareStep } from './bare.js';
import { copyDatabase, dropDatabase, makeTemplate, type Urls, urlsFor, withClient } from './database.js';
import { sizesFor, tableNames } from './rows.js';
import type { Stage } from './stage.js';

/** One run of `map`, or of its batches alone. */
export interface Filled {
  seconds: number;
  rows: number;
  /** write-ahead log, bytes */
  logBytes: number;
  /** of the updates, those whose new version stayed in its page, 0 to 1 */
  hotShare: number;
  /** of all tables with their indexes, times what it was before */
  growth: number;
}

export interface MapRate {
  rows: number;
  /** by the number of ranges that are filled at the same time */
  ranges: Map<number, Filled[]>;
  /** batches of one connection: each stretch of blocks in several passes, or in one */
  passes: { several: Filled[]; one: Filled[] };
}

const lanes = [1, 2, 4];

/** Measures what ranges at the same time and passes are worth, each beside the same without it, in one run, with nobody else there. */
export async function measureMapRate(
  stage: Stage,
  rows: number,
  repeats: number,
  say: (text: string) => void,
): Promise<MapRate> {
  const { postgres, password } = stage;
  const template = `map_rate_${rows}`;
  say(`making ${rows.toLocaleString('en')} rows`);
  await makeTemplate(postgres.superuserUrl, template, sizesFor(rows), password);
  process.env.REKEY_PLANS = stage.plans;
  const file = join(stage.plans, 'plan.yaml');
  const plan = await readFile(file, 'utf8');
  const on = async (name: string, parallel: number, work: () => Promise<number>): Promise<Filled> => {
    await writeFile(file, plan.replace(/parallel: \d+/, `parallel: ${parallel}`));
    const urls = urlsFor(postgres.superuserUrl, name, password);
    await copyDatabase(postgres.superuserUrl, template, name);
    process.env[`REKEY_CONNECTION_${name.toUpperCase()}`] = urls.owner;
    await layBareFoundation(name);
    await runBare(name, 'accounts', 'addColumns');
    const filled = await measured(urls, work);
    await dropDatabase(postgres.superuserUrl, name);
    say(`${name}: ${filled.seconds.toFixed(1)} s, ${Math.round(filled.hotShare * 100)} % in their page`);
    return filled;
  };

  const result: MapRate = { rows, ranges: new Map(), passes: { several: [], one: [] } };
  for (let at = 0; at < repeats; at++) {
    // whoever comes later finds the disk busy with what those before have written: by turns
    const order = at % 2 === 0 ? lanes : [...lanes].reverse();
    for (const count of order) {
      const name = `ranges_${count}_${at}`;
      const one = await on(name, count, () => runBareStep(name, 'accounts', 'map', count));
      result.ranges.set(count, [...(result.ranges.get(count) ?? []), one]);
    }
    for (const side of at % 2 === 0 ? (['several', 'one'] as const) : (['one', 'several'] as const)) {
      const name = `passes_${side}_${at}`;
      result.passes[side].push(await on(name, 1, () => fillAlone(name, side === 'several')));
    }
  }
  return result;
}

/** Every table on one connection, by the batches of `map`; answers with the seconds. */
async function fillAlone(connection: string, inPasses: boolean): Promise<number> {
  const ref = await openBare(connection, 'accounts');
  return withPhase('map', ref, attempt, async (work) => {
    const began = Date.now();
    for (const table of work.view.substitution.tables) await fillTable(work, table, inPasses);
    return (Date.now() - began) / 1000;
  });
}

async function fillTable({ session, ...work }: PhaseWork, table: string, inPasses: boolean): Promise<void> {
  const { view } = work;
  const all = { session, ...work };
  const { blocks } = await session.one<{ blocks: number }>(
    `select (pg_catalog.pg_relation_size($1::regclass) / pg_catalog.current_setting('block_size')::int8)::float8 as blocks`,
    [view.sqlTable(table)],
  );
  const pace = new Pace(batchOf(all, table));
  for (let from = 0; from < blocks; ) {
    const stretch = new Stretch(
      from,
      blocks,
      stretchBlocks(all, table),
      inPasses ? passesOf(all, table) : [],
    );
    for (let step = stretch.next(pace.blocksOf); step; step = stretch.next(pace.blocksOf)) {
      const { from: first, to, part } = step;
      const started = performance.now();
      const { rows } = await session.transaction(async () => {
        await session.execute(
          'set local synchronous_commit = off; set local session_replication_role = replica',
        );
        return session.one<{ rows: number }>(
          part === null ? batchSql(view, table, false) : passSql(view, table),
          part === null ? [first, to] : [first, to, part],
        );
      });
      pace.took(part, to - first, rows, performance.now() - started);
    }
    from = stretch.to;
  }
}

async function measured({ superuser }: Urls, work: () => Promise<number>): Promise<Filled> {
  const look = () =>
    withClient(superuser, async (client) => {
      const { rows } = await client.query<{ log: number; bytes: number; updates: number; hot: number }>(
        `select (pg_current_wal_lsn() - '0/0')::float8 as log, sum(pg_total_relation_size(relid))::float8 as bytes,
           sum(n_tup_upd)::float8 as updates, sum(n_tup_hot_upd)::float8 as hot
         from pg_stat_user_tables where relname = any ($1)`,
        [tableNames],
      );
      return rows[0] as { log: number; bytes: number; updates: number; hot: number };
    });
  const before = await look();
  const seconds = await work();
  // sessions tell of their last second when they end
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const after = await look();
  const rows = after.updates - before.updates;
  return {
    seconds,
    rows,
    logBytes: after.log - before.log,
    hotShare: (after.hot - before.hot) / rows,
    growth: after.bytes / before.bytes,
  };
}
