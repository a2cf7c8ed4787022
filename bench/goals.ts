import type { Measured } from './measured.js';

/** What Rekey is to reach, and whether it did: [goal, measured, reached]. */
export function goalsOf(all: Measured[]): [string, string, boolean][] {
  const ours = all.filter((m) => m.side === 'Rekey');
  const last = ours.at(-1);
  const first = ours[0];
  if (!last || !first) return [];
  const script = all.find((m) => m.side === 'by hand' && m.rows === last.rows);
  const most = (of: (m: Measured) => number | null) => Math.max(...ours.map((m) => of(m) ?? 0));
  const goals: [string, string, boolean][] = [];
  const limit = (goal: string, value: number, unit: string, limit: number) =>
    goals.push([`${goal} <= ${limit}${unit}`, `${round(value)}${unit}`, value <= limit]);
  if (script) limit("time of the script's", last.seconds / script.seconds, '', 0.5);
  limit(
    'longest stall outside of cutovers',
    most((m) => m.longestStallMs),
    ' ms',
    200,
  );
  limit(
    'longest stall at a cutover',
    most((m) => Math.max(m.longestStallAtCutoverMs, m.longestStallAtSwapBackMs ?? 0)),
    ' ms',
    500,
  );
  limit(
    'locks of a cutover',
    most((m) => Math.max(m.cutoverMs, m.swapBackMs ?? 0)),
    ' ms',
    250,
  );
  limit(
    'wrong references',
    most((m) => m.verdict.wrongReferences + (m.afterSwapBack?.wrongReferences ?? 0)),
    '',
    0,
  );
  limit('lost writes', most(lost), '', 0);
  if (ours.length > 1) {
    const [a, b] = [first.mapRowsPerSecond ?? 0, last.mapRowsPerSecond ?? 0];
    limit('change of rows a second from the smallest to the largest', Math.abs(b / a - 1) * 100, ' %', 25);
  }
  return goals;
}

function lost({ verdict, afterSwapBack }: Measured): number {
  return [verdict, afterSwapBack].reduce((sum, v) => sum + (v ? v.lostWrites + v.lostRows : 0), 0);
}

function round(value: number): string {
  return value < 10 ? String(Math.round(value * 1000) / 1000) : String(Math.round(value));
}
