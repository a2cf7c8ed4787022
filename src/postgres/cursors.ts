import type { Session } from './session.js';

export interface CursorRow {
  phase: string;
  tableName: string;
  rangeNo: number;
  nextBlock: number;
  /** first block that is not in the range; null: to the end of the table, wherever that is by then */
  endBlock: number | null;
  rowsDone: number;
  /** an estimate */
  rowsTotal: number;
  seconds: number;
  /** blocks in which a client held a row: looked at again at the end of the range */
  skipped: number[];
  done: boolean;
}

const columns = `phase, table_name as "tableName", range_no as "rangeNo", next_block::float8 as "nextBlock",
  end_block::float8 as "endBlock", rows_done::float8 as "rowsDone", rows_total::float8 as "rowsTotal", seconds, skipped::float8[] as skipped, done`;

/** Writes the ranges of a table once; where there are some already, those stay: a table is cut only once. */
export async function planCursors(
  session: Session,
  phase: string,
  table: string,
  ranges: readonly { nextBlock: number; endBlock: number | null; rowsTotal: number }[],
): Promise<void> {
  await session.transaction(async () => {
    await session.query(
      `select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rekey cursors ' || $1, 0))`,
      [`${phase} ${table}`],
    );
    if ((await readCursors(session, phase, table)).length > 0) return;
    for (const [rangeNo, range] of ranges.entries()) {
      await session.query(
        `insert into rekey.cursor (phase, table_name, range_no, next_block, end_block, rows_total)
         values ($1, $2, $3, $4, $5, $6)`,
        [phase, table, rangeNo, range.nextBlock, range.endBlock, Math.round(range.rowsTotal)],
      );
    }
  });
}

/** One more range of a table, from its first block to `endBlock`. Answers its number. */
export async function addCursor(
  session: Session,
  phase: string,
  table: string,
  range: { endBlock: number; rowsTotal: number },
): Promise<number> {
  const { rangeNo } = await session.one<{ rangeNo: number }>(
    `insert into rekey.cursor (phase, table_name, range_no, next_block, end_block, rows_total)
     select $1, $2, coalesce(pg_catalog.max(c.range_no), -1) + 1, 0, $3, $4 from rekey.cursor c where c.phase = $1 and c.table_name = $2
     returning range_no as "rangeNo"`,
    [phase, table, range.endBlock, Math.round(range.rowsTotal)],
  );
  return rangeNo;
}

export async function readCursors(
  session: Session,
  phase: string,
  table: string | null = null,
): Promise<CursorRow[]> {
  return session.query<CursorRow>(
    `select ${columns} from rekey.cursor where phase = $1 and ($2::text is null or table_name = $2)
     order by table_name, range_no`,
    [phase, table],
  );
}

export async function readCursor(
  session: Session,
  phase: string,
  table: string,
  range: number,
): Promise<CursorRow | null> {
  const [row] = await session.query<CursorRow>(
    `select ${columns} from rekey.cursor where phase = $1 and table_name = $2 and range_no = $3`,
    [phase, table, range],
  );
  return row ?? null;
}

/**
 * Moves a cursor on in the transaction of the batch that it describes. False where it stands elsewhere than `from` says:
 * another attempt has done this batch, and the transaction must be rolled back. `updated_at` stays where nothing was left
 * to do: a pass that every try goes over again is no progress.
 */
export async function advanceCursor(
  session: Session,
  cursor: Pick<CursorRow, 'phase' | 'tableName' | 'rangeNo'>,
  step: { from: number; to: number; rows: number; seconds: number; skipped: number[]; done: boolean },
): Promise<boolean> {
  const { count } = await session.execute(
    `update rekey.cursor
     set next_block = $5, rows_done = rows_done + $6, seconds = seconds + $7, done = $8, skipped = $9::bigint[],
       updated_at = case when next_block <> $5 or $6 > 0 or $8 or skipped <> $9::bigint[] then pg_catalog.now() else updated_at end
     where phase = $1 and table_name = $2 and range_no = $3 and next_block = $4 and not done`,
    [
      cursor.phase,
      cursor.tableName,
      cursor.rangeNo,
      step.from,
      step.to,
      step.rows,
      step.seconds,
      step.done,
      step.skipped,
    ],
  );
  return count === 1;
}

export async function forgetCursors(session: Session, phase: string): Promise<void> {
  await session.query('delete from rekey.cursor where phase = $1', [phase]);
}
