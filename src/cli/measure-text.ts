import { z } from 'zod';

/** What a probe that got too slow leaves in `rekey.finding`: figures with their unit, no row of the application. */
const measure = z.strictObject({ before: z.string(), after: z.string(), limit: z.string() });

/** One line; null where an example is something else. Pure. */
export function measureText(example: unknown): string | null {
  const parsed = measure.safeParse(example);
  if (!parsed.success) return null;
  const { before, after, limit } = parsed.data;
  return `${before} before, ${after} after; the plan allows ${limit}`;
}
