/** One batch of `map`: blocks, and how many parts of the rows are done after it; null for all. */
export interface MapStep {
  from: number;
  to: number;
  part: number | null;
  /** where the cursor stands afterwards */
  next: number;
}

/** What is left of a range is not worth several passes where it is shorter, in blocks. */
const shortStretch = 64;

/**
 * A stretch of blocks, gone over in passes. What a pass leaves behind is room only when no transaction remembers it, so
 * that each goes over the whole stretch before the next begins. The cursor moves with the last pass, which leaves nothing out.
 */
export class Stretch {
  readonly to: number;
  private readonly parts: (number | null)[];
  private at: number;

  constructor(
    private readonly from: number,
    end: number,
    blocks: number,
    passes: number[],
  ) {
    const short = end - from < shortStretch;
    this.to = short ? end : Math.min(end, from + blocks);
    this.parts = short ? [null] : [...passes, null];
    this.at = from;
  }

  get done(): boolean {
    return this.at >= this.to && this.parts.length === 1;
  }

  /** The next batch; `blocksOf` says how many blocks one of that pass may have. Null when all passes are through. */
  next(blocksOf: (part: number | null) => number): MapStep | null {
    if (this.done) return null;
    if (this.at >= this.to) {
      this.parts.shift();
      this.at = this.from;
    }
    const part = this.parts[0] as number | null;
    const [from, to] = [this.at, Math.min(this.to, this.at + blocksOf(part))];
    this.at = to;
    return { from, to, part, next: part === null ? to : this.from };
  }
}

/** Long for a client that waits for a row of the batch, in ms. */
const longBatch = 100;
/** What a client may wait for a row of ours without our being any shorter for it, in ms. */
const fairWait = 30;
/** Shorter batches do nothing but begin and commit, in ms. */
const shortBatch = 15;
/** However few rows the statistics see in a block, 8 kB hold 226 of the shortest. */
const firstBlocks = 16;

/**
 * How many blocks a batch gets. A pass whose rows change their page takes several times as long as one whose rows stay
 * there, so each has its own pace: it begins small, doubles at most, and has at its end no more rows than the plan says
 * and takes no longer than clients should wait. Where clients are seen to wait behind its batches they get shorter, all
 * passes alike, and longer again once nobody does.
 */
export class Pace {
  private readonly blocks = new Map<number | null, number>();
  private longest = longBatch;

  constructor(private readonly batchRows: number) {}

  blocksOf = (part: number | null): number => this.blocks.get(part) ?? firstBlocks;

  /** `waitedMs`: the longest that a client was seen to wait behind the batch. */
  took(part: number | null, blocks: number, rows: number, ms: number, waitedMs = 0): void {
    // one tenth a batch: a wait costs as much as ten batches without one give back
    this.longest =
      waitedMs > fairWait
        ? Math.max(shortBatch, this.longest * Math.max(0.5, fairWait / waitedMs))
        : Math.min(longBatch, this.longest * 1.1);
    const factor = Math.min(2, this.longest / Math.max(1, ms), this.batchRows / Math.max(1, rows));
    // the last batch of a stretch is short, and says nothing of what a long one may be
    if (factor >= 1 && blocks < this.blocksOf(part)) return;
    this.blocks.set(part, Math.max(1, Math.floor(blocks * factor)));
  }
}
