import { RekeyError } from '../src/errors.js';
import type { HoleSweep } from '../src/substitution/holes.js';
import { journalWait, mayBeReplica } from './map.js';
import { batchOf } from './map-ranges.js';
import { Pace } from './map-stretch.js';
import type { PhaseWork } from './phase-work.js';
import { asClientsSee } from './search-path.js';
import { seeWaiters } from './waiters.js';

/** More holes than this under the locks would make them long. */
const fewHoles = 1_000;
/** Blocks with a hole that are asked for at once. */
const blocksAtOnce = 1_000;

/**
 * Fills the holes of transactions that have ended; those of the last moment are swept under the locks of the swap back.
 * A batch of blocks a transaction: what is filled is no hole any more, so that an attempt that takes over goes on with
 * what is left. Locks: FOR NO KEY UPDATE on the rows of one batch; those that clients hold are left alone, unless they
 * are too many for the locks.
 */
export async function sweepOnline(work: PhaseWork): Promise<void> {
  const replica = await mayBeReplica(work);
  for (const one of work.statements.sweeps) {
    const sweep = new Sweep(work, one, replica);
    await sweep.pass(false);
    await journalWait(work, one.table, sweep.longestWaitMs);
    if ((await sweep.count()) <= fewHoles) continue;
    await sweep.pass(true);
    await journalWait(work, one.table, sweep.longestWaitMs);
    const holes = await sweep.count();
    if (holes > fewHoles) throw tooManyHoles(one.table, holes);
  }
}

/** Holes of one table. */
class Sweep {
  private readonly pace: Pace;
  /** the longest that a client was seen to wait behind a batch */
  longestWaitMs = 0;

  constructor(
    private readonly work: PhaseWork,
    private readonly sweep: HoleSweep,
    private readonly replica: boolean,
  ) {
    this.pace = new Pace(batchOf(work, sweep.table));
  }

  /** Over the blocks that are there now, once: a row whose hole can't be filled moves on to the table's end as often as it is tried. */
  async pass(wait: boolean): Promise<void> {
    const until = await this.size();
    for (let from = 0; ; ) {
      const blocks = await this.blocksWithHoles(from, until);
      const last = blocks.at(-1);
      if (last === undefined) return;
      for (let at = 0; at < blocks.length; ) {
        const first = blocks[at] as number;
        // who waits for us must not wait for long while we wait for another: a block at a time
        const end = Math.min(until, first + (wait ? 1 : this.pace.blocksOf(null)));
        await this.fill(first, end, wait);
        while (at < blocks.length && (blocks[at] as number) < end) at += 1;
        from = end;
      }
    }
  }

  async count(): Promise<number> {
    const [found] = await this.byIndex<{ holes: number }>(this.sweep.count);
    return found?.holes ?? 0;
  }

  /** In blocks. */
  private async size(): Promise<number> {
    const { blocks } = await this.work.session.one<{ blocks: number }>(
      `select (pg_catalog.pg_relation_size($1::regclass) / pg_catalog.current_setting('block_size')::int8)::float8 as blocks`,
      [this.work.view.sqlTable(this.sweep.table)],
    );
    return blocks;
  }

  private async blocksWithHoles(from: number, until: number): Promise<number[]> {
    const found = await this.byIndex<{ block: number }>(this.sweep.blocks, [from, until, blocksAtOnce]);
    return found.map(({ block }) => block);
  }

  private async fill(first: number, end: number, wait: boolean): Promise<void> {
    const { work, sweep } = this;
    const { session } = work;
    work.heartbeat({ doing: `holes of ${sweep.table}`, block: first });
    const began = performance.now();
    const { value, waitedMs } = await seeWaiters(work.watch, session.pid, () =>
      session.transaction(async () => {
        await session.execute(this.settings());
        return session.execute(wait ? sweep.waiting : sweep.batch, [first, end]);
      }),
    );
    this.longestWaitMs = Math.max(this.longestWaitMs, waitedMs);
    if (!wait) this.pace.took(null, end - first, value.count, performance.now() - began, waitedMs);
  }

  /** A batch that a crash of the server takes back leaves holes, as it found them: nobody has to wait for the disk. */
  private settings(): string {
    return [
      'set local synchronous_commit = off',
      `set local lock_timeout = '1s'`,
      'set local enable_seqscan = off',
      ...(this.replica ? ['set local session_replication_role = replica'] : []),
      ...asClientsSee,
    ].join('; ');
  }

  /** The planner may take holes for a large part of the table: the partial index finds them without reading all of it. */
  private byIndex<R>(text: string, values?: unknown[]): Promise<R[]> {
    const { session } = this.work;
    return session.transaction(async () => {
      await session.execute('set local enable_seqscan = off');
      return session.query<R>(text, values);
    });
  }
}

export function tooManyHoles(table: string, holes: number): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'swap-back.holes',
    message: `${holes} rows of ${table} have a reference whose integer can't be found`,
    remedy:
      'Look for rows whose reference leads to no row and never did, mend them, then resolve swapKeysBack with retry.',
    where: table,
  });
}
