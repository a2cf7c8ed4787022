import { splitTableId } from '../../catalog/quote.js';
import type { UniqueKey } from '../../kinds/unique-key.js';
import type { TableId } from '../../plan/model.js';
import type { PhaseView } from '../../substitution/view.js';
import type { Database } from '../database.js';
import { exampleLimit, type OnFinding } from '../findings.js';
import type { Side } from './members.js';
import type { RowCheck, TableChecks } from './table-checks.js';

export interface Counted {
  check: RowCheck;
  count: number;
}

export interface RunOptions {
  /** a table with more rows is looked at in ranges, each with a snapshot of its own: no snapshot stays open for long */
  rowsPerRange?: number;
  /** called before each query; may throw to stop */
  heartbeat?: () => void;
  onFinding?: OnFinding;
}

/** Runs all checks of a table; examples of what they find go to `onFinding`. */
export async function runTableChecks(
  database: Database,
  view: PhaseView,
  checks: TableChecks,
  side: Side,
  options: RunOptions = {},
): Promise<Counted[]> {
  if (checks.checks.length === 0) return [];
  const counts = checks.checks.map(() => 0);
  const ranges = await rangesOf(database, view, checks.table, options.rowsPerRange ?? 4_000_000);
  const whole = ranges.length === 1;
  const text = checks.countSql(whole ? 'table' : 'range');
  for (const range of ranges) {
    options.heartbeat?.();
    const [row] = await database.query<Record<string, number>>(text, whole ? [] : range);
    counts.forEach((_, i) => {
      counts[i] = (counts[i] as number) + Number(row?.[`c${i}`] ?? 0);
    });
  }
  const found = checks.checks.map((check, i) => ({ check, count: counts[i] as number }));
  for (const { check, count } of found) {
    if (count === 0 || check.metric || !options.onFinding) continue;
    options.heartbeat?.();
    const sql = checks.exampleSql(check, keyColumns(view, checks.table, side), exampleLimit);
    const examples = await database.query<{ example: Record<string, string | null> }>(sql);
    for (const { example } of examples.length ? examples : [{ example: null }])
      await options.onFinding({ check: check.check, on: check.on, count, example });
  }
  return found;
}

const lastBlock = 4_294_967_295;

/** Blocks, the last range open: what is added meanwhile is looked at, too. */
async function rangesOf(
  database: Database,
  view: PhaseView,
  table: TableId,
  rowsPerRange: number,
): Promise<[number, number][]> {
  const place = splitTableId(table);
  const [size] = await database.query<{ blocks: number; rows: number }>(
    `select (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8)::float8 as blocks,
       case when c.reltuples > 0 and c.relpages > 0 then c.reltuples / c.relpages else 60 end::float8 as rows
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2`,
    [view.schemaOf(table), place?.name ?? table],
  );
  const { blocks, rows } = size ?? { blocks: 0, rows: 60 };
  const step = Math.max(1, Math.floor(rowsPerRange / Math.max(rows, 1)));
  const ranges: [number, number][] = [];
  for (let from = 0; from + step < blocks; from += step) ranges.push([from, from + step]);
  ranges.push([ranges.at(-1)?.[1] ?? 0, lastBlock]);
  return ranges;
}

/** What a finding calls a row by: its primary key as it is at that moment. */
function keyColumns(view: PhaseView, table: TableId, side: Side): string[] {
  const key = view.catalog.objects.find(
    (o) => o.kind === 'unique-key' && o.table === table && (o as UniqueKey).primary,
  ) as UniqueKey | undefined;
  const columns = key?.columns ?? [];
  return side === 'before-swap' ? columns : columns.map((c) => view.member(table, c)?.after ?? c);
}
