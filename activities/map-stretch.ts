/** One batch of `map`: blocks, and how many parts of the rows are done after it; null for all. */
export interface MapStep {
  from: number;
  to: number;
  part: number | null;
  /** where the cursor stands afterwards: a stretch counts when all its passes are through */
  next: number;
}

/** Batches a pass. What a pass leaves behind is room only when no transaction remembers it: not in the batch that follows. */
const batchesOfPass = 4;
/** What is left of a range is not worth several passes where it is shorter, in blocks. */
const shortStretch = 64;

/** The next batches from a block on: all passes over one stretch. No batch changes more rows than about `blocks` blocks have. */
export function stretchOf(from: number, end: number, blocks: number, passes: number[]): MapStep[] {
  const passBlocks = 2 * blocks;
  const to = Math.min(end, from + batchesOfPass * passBlocks);
  if (end - from < shortStretch) return inBatches(from, to, blocks, null, (batchEnd) => batchEnd);
  const early = passes.flatMap((part) => inBatches(from, to, passBlocks, part, () => from));
  return [...early, ...inBatches(from, to, passBlocks, null, (batchEnd) => (batchEnd === to ? to : from))];
}

/**
 * Clients wait for a batch that has their row: where the slowest of a stretch took longer than they should wait, the next
 * ones are smaller, and grow again up to what the plan says.
 */
export function paced(blocks: number, most: number, slowestMs: number): number {
  if (slowestMs > longBatch) return Math.max(1, Math.floor((blocks * longBatch) / slowestMs));
  return slowestMs < longBatch / 2 ? Math.min(most, Math.ceil(blocks * 1.5)) : blocks;
}

/** ms */
const longBatch = 100;

function inBatches(
  from: number,
  to: number,
  blocks: number,
  part: number | null,
  next: (batchEnd: number) => number,
): MapStep[] {
  const steps: MapStep[] = [];
  for (let at = from; at < to; at += blocks) {
    const batchEnd = Math.min(to, at + blocks);
    steps.push({ from: at, to: batchEnd, part, next: next(batchEnd) });
  }
  return steps;
}
