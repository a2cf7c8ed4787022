import { CancellationScope } from '@temporalio/workflow';
import type { MapProgress, MapRange } from '../activities/contract.js';
import { longestSlice } from '../src/decisions/rarely.js';
import type { TableProgress } from '../src/decisions/status.js';
import type { Run } from './run.js';
import { call } from './world.js';

const shortestSlice = 5_000;
/** ms between two memos about progress: each is an event of the history */
const showEvery = 30_000;

/** The whole of `map`: some ranges at a time, each in slices of time, and what remains at the end. */
export async function mapTables(run: Run): Promise<void> {
  const ranges = await allRanges(run);
  const seen = new Map<string, MapProgress>();
  const waiting = [...ranges];
  const parallel = Math.max(1, Math.min(run.brief?.parallel ?? 1, waiting.length));
  // a range that fails stops the others after their batch; they go on where they were when map is tried again
  const scope = new CancellationScope();
  let first: { error: unknown } | null = null;
  await scope.run(async () => {
    const lanes = Array.from({ length: parallel }, () =>
      drive(run, ranges, waiting, seen).catch((error: unknown) => {
        first ??= { error };
        scope.cancel();
      }),
    );
    await Promise.all(lanes);
  });
  show(run, ranges, seen, true);
  raise(first);
  await call('finishMap', 'records what map left to record', run.ref);
}

/** A result has room for some hundreds of ranges; a phase of many tables has more. */
async function allRanges(run: Run): Promise<MapRange[]> {
  const first = await call('planMap', 'plans the ranges of map', run.ref);
  const { ranges } = first;
  for (let { next } = first; next !== undefined; ) {
    const more = await call('planMap', `the ranges of map from ${next} on`, { ...run.ref, from: next });
    ranges.push(...more.ranges);
    next = more.next;
  }
  return ranges;
}

function raise(first: { error: unknown } | null): void {
  if (first) throw first.error;
}

/** One lane: takes range after range, slice after slice, until none is left. */
async function drive(
  run: Run,
  ranges: MapRange[],
  waiting: MapRange[],
  seen: Map<string, MapProgress>,
): Promise<void> {
  let sliceMs = shortestSlice;
  for (let range = waiting.shift(); range; range = waiting.shift()) {
    const { table, range: number } = range;
    for (;;) {
      await run.holdWhilePaused();
      const summary = `map ${table}, range ${number}, ${sliceMs / 1000} s`;
      const progress = await call('mapRange', summary, { ...run.ref, table, range: number, sliceMs });
      seen.set(`${table}/${number}`, progress);
      show(run, ranges, seen);
      if (progress.done) break;
      sliceMs = Math.min(sliceMs * 2, longestSlice(run.full));
    }
  }
}

/** Adds ranges up by table; the queries see it at once, the memo now and then. */
function show(run: Run, ranges: MapRange[], seen: Map<string, MapProgress>, atLast = false): void {
  const tables = new Map<string, TableProgress>();
  const holds = new Set<string>();
  for (const { table, range, rows = 0 } of ranges) {
    const sum = tables.get(table) ?? {
      table,
      rowsDone: 0,
      rowsTotal: 0,
      rowsPerSecond: 0,
      secondsLeft: null,
    };
    const known = seen.get(`${table}/${range}`);
    sum.rowsDone += known?.rowsDone ?? 0;
    sum.rowsTotal += known?.rowsTotal ?? rows;
    if (known)
      sum.rowsPerSecond = known.done
        ? Math.max(sum.rowsPerSecond, known.rowsPerSecond)
        : sum.rowsPerSecond + known.rowsPerSecond;
    if (known?.heldBy) holds.add(`${table}: ${known.heldBy}`);
    tables.set(table, sum);
  }
  for (const sum of tables.values()) {
    const left = sum.rowsTotal - sum.rowsDone;
    sum.secondsLeft = left <= 0 ? 0 : sum.rowsPerSecond > 0 ? Math.ceil(left / sum.rowsPerSecond) : null;
  }
  run.progress = [...tables.values()];
  run.held = [...holds];
  run.learned();
  if (atLast || Date.now() - run.shownAt >= showEvery) {
    run.shownAt = Date.now();
    run.changed();
  }
}
