import { z } from 'zod';

/** A step's failure as the worker's SDK logs it: what Rekey itself said, and where. */
const failed = z.object({
  workflowId: z.string(),
  activityType: z.string(),
  attempt: z.number(),
  error: z.object({
    message: z.string(),
    details: z.tuple([z.object({ code: z.string(), remedy: z.string() })]),
  }),
});

/**
 * One line of a worker's log for a step that has failed in a way that Rekey knows; null for all else. A stack there tells
 * an operator that the worker is broken, where a step only waits for somebody. Pure.
 */
export function failureLine(message: string, meta: Record<string | symbol, unknown> = {}): string | null {
  if (message !== 'Activity failed') return null;
  const parsed = failed.safeParse(meta);
  if (!parsed.success) return null;
  const { workflowId, activityType, attempt, error } = parsed.data;
  const [{ code, remedy }] = error.details;
  return `${workflowId}: ${activityType}, attempt ${attempt}: ${code}: ${error.message}. ${remedy}`;
}
