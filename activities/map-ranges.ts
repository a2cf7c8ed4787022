import { planCursors, readCursors } from '../src/postgres/cursors.js';
import { missing, passesFor } from '../src/substitution/map.js';
import { shadowsOf } from '../src/substitution/sync.js';
import type { MapRange } from './contract.js';
import type { PhaseWork } from './phase-work.js';

/** A table smaller than this, in blocks, is not worth more than one range, and is counted rather than estimated. */
const smallTable = 4_096;

/** Makes the cursors of all tables as they are now; those that are there stay. Answers with every range, the largest first. */
export async function cutIntoRanges(work: PhaseWork): Promise<MapRange[]> {
  const { session, view, ref } = work;
  for (const table of view.substitution.tables) {
    const { blocks, estimate } = await sizeOf(work, table);
    const small = blocks < smallTable;
    const rows = small ? await countMissing(work, table) : estimate;
    const ranges = small ? 1 : Math.max(1, mapOf(work, table).parallel);
    await planCursors(
      session,
      ref.phase,
      table,
      Array.from({ length: ranges }, (_, range) => ({
        nextBlock: Math.floor((blocks * range) / ranges),
        endBlock: Math.floor((blocks * (range + 1)) / ranges),
        rowsTotal: rows / ranges,
      })),
    );
  }
  const cursors = await readCursors(session, ref.phase);
  return (
    cursors
      // always in the same order: whoever asks for the next page goes on where the last one ended
      .sort(
        (a, b) =>
          b.rowsTotal - a.rowsTotal ||
          (a.tableName < b.tableName ? -1 : a.tableName > b.tableName ? 1 : 0) ||
          a.rangeNo - b.rangeNo,
      )
      .map((c) => ({ table: c.tableName, range: c.rangeNo, rows: c.rowsTotal }))
  );
}

/** Rows a batch, at most. */
export function batchOf(work: PhaseWork, table: string): number {
  return mapOf(work, table).batch;
}

/** Long enough that a pass is several batches, short enough that its blocks are still in memory when the next one comes. */
export function stretchBlocks(work: PhaseWork, table: string): number {
  return Math.max(64, Math.min(4_096, Math.round((8 * batchOf(work, table)) / rowsPerBlock(work, table))));
}

/** How a stretch of the table is divided into passes. */
export function passesOf(work: PhaseWork, table: string): number[] {
  return passesFor(8_192 / rowsPerBlock(work, table), shadowsOf(work.view, table).length);
}

function rowsPerBlock(work: PhaseWork, table: string): number {
  const found = work.catalog.tables.find((t) => t.id === table);
  return found && found.estimatedRows > 0 && found.pages > 0 ? found.estimatedRows / found.pages : 100;
}

function mapOf(work: PhaseWork, table: string) {
  return work.phase.tables.find((t) => t.table === table)?.map ?? work.phase.map;
}

/** Blocks, and PostgreSQL's estimate of rows. */
export function sizeOf(
  { session, view }: PhaseWork,
  table: string,
): Promise<{ blocks: number; estimate: number }> {
  return session.one<{ blocks: number; estimate: number }>(
    `select (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8)::float8 as blocks,
       greatest(c.reltuples, 0)::float8 as estimate from pg_catalog.pg_class c where c.oid = $1::regclass`,
    [view.sqlTable(table)],
  );
}

/** Rows without a shadow: a scan of the table. */
export async function countMissing(work: PhaseWork, table: string): Promise<number> {
  const { rows } = await work.session.one<{ rows: number }>(
    `select pg_catalog.count(*)::float8 as rows from ${work.view.sqlTable(table)} t where ${missing(work.view, table, 't')}`,
  );
  return rows;
}
