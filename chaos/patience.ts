import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Does it again until it works: while servers come and go most things fail now and then. The last error after `ms`;
 * one try that has not answered after `eachMs` counts as failed.
 */
export async function insist<T>(work: () => Promise<T>, ms = 60_000, eachMs = 10_000): Promise<T> {
  for (const deadline = Date.now() + ms; ; ) {
    try {
      return await within(work(), eachMs);
    } catch (error) {
      if (Date.now() > deadline || error instanceof Final) throw error;
      await sleep(100);
    }
  }
}

/** What no repetition mends. */
export class Final extends Error {}

/** The work's own answer, or an error after so many ms. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
