import type { TableProgress } from '../decisions/status.js';

/** One range of a table, as rekey.cursor has it. */
export interface RangeProgress {
  table: string;
  rowsDone: number;
  /** an estimate where the table is large */
  rowsTotal: number;
  /** spent in batches */
  seconds: number;
  done: boolean;
  updatedAt: Date;
}

/** A range that has not moved for so long is not being worked on, ms. */
const quiet = 30_000;

/** Ranges added up by table. Ranges that run side by side add their speed; where none runs, it is the average so far. */
export function tableProgress(ranges: RangeProgress[], now: Date): TableProgress[] {
  const tables = [...new Set(ranges.map((r) => r.table))];
  return tables.map((table) => {
    const mine = ranges.filter((r) => r.table === table);
    const done = sum(mine.map((r) => r.rowsDone));
    const isDone = mine.every((r) => r.done);
    const running = mine.filter(
      (r) => !r.done && r.seconds > 0 && now.getTime() - r.updatedAt.getTime() < quiet,
    );
    const spent = sum(mine.map((r) => r.seconds));
    const average = spent > 0 ? done / spent : 0;
    const rate = running.length > 0 ? sum(running.map((r) => r.rowsDone / r.seconds)) : average;
    // an estimate may be too low
    const total = isDone ? done : Math.max(done, sum(mine.map((r) => r.rowsTotal)));
    const left = isDone ? 0 : rate > 0 ? (total - done) / rate : null;
    return { table, rowsDone: done, rowsTotal: total, rowsPerSecond: rate, secondsLeft: left };
  });
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
