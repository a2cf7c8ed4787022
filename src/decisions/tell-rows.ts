import type { TableProgress } from './status.js';

/**
 * Whether somebody who was told of rows before is told again: after `every` ms, and ever more rarely, as each message
 * costs events in two histories. A map of three days makes some 550 of them, not 8,600. Pure.
 */
export function dueAgain(told: { first: number; last: number }, now: number, every: number): boolean {
  return now - told.last >= Math.max(every, (now - told.first) / 100);
}

/** At most ten tables: those under way, then those to come, then those that are done. Pure. */
export function fewTables(progress: TableProgress[]): TableProgress[] {
  const order = ({ rowsDone, rowsTotal }: TableProgress) =>
    rowsDone >= rowsTotal ? 2 : rowsDone > 0 ? 0 : 1;
  return [...progress].sort((a, b) => order(a) - order(b)).slice(0, 10);
}
