import { RekeyError } from '../src/errors.js';
import { advanceCursor, type CursorRow, readCursor } from '../src/postgres/cursors.js';
import { batchSql, leftOverSql, passSql } from '../src/substitution/map.js';
import type { MapProgress, MapRange } from './contract.js';
import { batchOf, passesOf, stretchBlocks } from './map-ranges.js';
import { type MapStep, Pace, Stretch } from './map-stretch.js';
import type { PhaseWork } from './phase-work.js';
import { asClientsSee } from './search-path.js';
import { Throttle } from './throttle.js';
import { seeWaiters } from './waiters.js';

/** One range of blocks, for one slice of time. */
export class Range {
  private readonly throttle: Throttle;
  /** that the cursor stands in */
  private stretch: Stretch | null = null;
  private readonly pace: Pace;
  /** the longest that a client was seen to wait behind a batch */
  longestWaitMs = 0;

  constructor(
    private readonly work: PhaseWork,
    private readonly range: MapRange,
    private readonly replica: boolean,
  ) {
    this.throttle = new Throttle(work, work.phase.map.pauseWhen);
    this.pace = new Pace(batchOf(work, range.table));
  }

  async workUntil(until: number): Promise<MapProgress> {
    const started = performance.now();
    const before = await this.cursor();
    let cursor = before;
    // a stretch that is left half-way is gone over from its beginning, to find that most of it is done
    while (
      !cursor.done &&
      (performance.now() < until || (this.stretch !== null && this.throttle.held === null))
    ) {
      const held = await this.throttle.look();
      this.work.heartbeat({
        table: cursor.tableName,
        rowsDone: cursor.rowsDone,
        rowsTotal: cursor.rowsTotal,
        heldBy: held,
      });
      if (held?.startsWith('paused')) break;
      if (held !== null) await this.work.session.pause(1_000);
      else cursor = await this.next(cursor);
    }
    return progress(this.range, before, cursor, performance.now() - started, this.throttle.held);
  }

  private async next(cursor: CursorRow): Promise<CursorRow> {
    const end = cursor.endBlock as number;
    if (this.stretch === null && cursor.nextBlock < end) {
      const { work, range } = this;
      this.stretch = new Stretch(
        cursor.nextBlock,
        end,
        stretchBlocks(work, range.table),
        passesOf(work, range.table),
      );
    }
    const step = this.stretch?.next(this.pace.blocksOf);
    if (step) {
      if (this.stretch?.done) this.stretch = null;
      const began = performance.now();
      const then = { nextBlock: step.next, skipped: cursor.skipped };
      const { value: after, waitedMs } = await seeWaiters(this.work.watch, this.work.session.pid, () =>
        this.fill(cursor, step, then, false),
      );
      const rows = after.rowsDone - cursor.rowsDone;
      this.longestWaitMs = Math.max(this.longestWaitMs, waitedMs);
      this.pace.took(step.part, step.to - step.from, rows, performance.now() - began, waitedMs);
      return after;
    }
    const [block] = cursor.skipped;
    if (block === undefined) return this.advance(cursor, { nextBlock: end, skipped: [], done: true }, 0, 0);
    const one = { from: block, to: block + 1, part: null, next: end };
    return this.fill(cursor, one, { nextBlock: end, skipped: cursor.skipped.slice(1) }, true);
  }

  /**
   * One batch in one transaction with its cursor. Rows that a client holds are left for a second look, which waits for
   * them, a block at a time: a client that waits for us must not wait for long while we wait for another.
   */
  private async fill(
    cursor: CursorRow,
    { from, to, part }: MapStep,
    then: { nextBlock: number; skipped: number[] },
    wait: boolean,
  ): Promise<CursorRow> {
    const { session, view } = this.work;
    const table = cursor.tableName;
    const began = performance.now();
    return session.transaction(async () => {
      await session.execute(this.settings(wait));
      const { rows } =
        part === null
          ? await session.execute<{ rows: number }>(batchSql(view, table, wait), [from, to])
          : await session.execute<{ rows: number }>(passSql(view, table), [from, to, part]);
      const left =
        wait || part !== null
          ? []
          : await session.query<{ block: number }>(leftOverSql(view, table), [from, to]);
      const skipped = [...then.skipped, ...left.map((l) => l.block)];
      return this.advance(
        cursor,
        { ...then, skipped, done: false },
        rows[0]?.rows ?? 0,
        (performance.now() - began) / 1000,
      );
    });
  }

  /** A batch that a crash of the server takes back takes its cursor back, too: nobody has to wait for the disk. */
  private settings(wait: boolean): string {
    return [
      'set local synchronous_commit = off',
      ...(this.replica ? ['set local session_replication_role = replica'] : []),
      ...(wait ? [`set local lock_timeout = '1s'`] : []),
      ...asClientsSee,
    ].join('; ');
  }

  private async advance(
    cursor: CursorRow,
    to: { nextBlock: number; skipped: number[]; done: boolean },
    rows: number,
    seconds: number,
  ): Promise<CursorRow> {
    const step = {
      from: cursor.nextBlock,
      to: to.nextBlock,
      rows,
      seconds,
      skipped: to.skipped,
      done: to.done,
    };
    if (!(await advanceCursor(this.work.session, cursor, step))) {
      throw new RekeyError('Transient', {
        code: 'map.cursor-moved',
        message: `another attempt has moved the cursor of ${cursor.tableName}`,
        remedy: 'Nothing: the range is tried again from where it stands.',
      });
    }
    return { ...cursor, ...to, rowsDone: cursor.rowsDone + rows };
  }

  private async cursor(): Promise<CursorRow> {
    const { table, range } = this.range;
    const cursor = await readCursor(this.work.session, this.work.ref.phase, table, range);
    if (!cursor) throw new Error(`there is no cursor of ${table} ${range}`);
    return cursor;
  }
}

function progress(
  input: MapRange,
  before: CursorRow,
  now: CursorRow,
  ms: number,
  held: string | null,
): MapProgress {
  const rate = ms > 0 ? ((now.rowsDone - before.rowsDone) * 1000) / ms : 0;
  const left = Math.max(0, now.rowsTotal - now.rowsDone);
  return {
    table: input.table,
    range: input.range,
    done: now.done,
    rowsDone: now.rowsDone,
    rowsTotal: now.done ? now.rowsDone : Math.max(now.rowsTotal, now.rowsDone),
    rowsPerSecond: Math.round(rate),
    secondsLeft: now.done ? 0 : rate > 0 ? Math.round(left / rate) : null,
    heldBy: held,
  };
}
