const hour = 3_600_000;
const day = 24 * hour;

/**
 * How often a run that waits, or maps, for days does what costs events of its history: Temporal ends a run with 51,200 of
 * them, or 50 MB. `full` is how much of what Rekey allows itself is used: 1 is all of it. Pure.
 */
export const allowed = { events: 40_000, bytes: 40_000_000 };

/** ms until a checkpoint that has waited for `waited` ms is looked at again: as the plan says, rarely after two days. */
export function lookAgainAfter(often: number, waited: number): number {
  // a plan that says every second would fill the history within the hour
  if (waited < 2 * day) return Math.max(often, waited / 200);
  return Math.max(often, 6 * hour);
}

/** ms until the next deadline of a checkpoint that escalates. */
export function deadlineAfter(timeout: number, full: number): number {
  return full < 0.5 ? timeout : Math.max(timeout, day);
}

/** ms that one slice of map may take at most: two minutes at first, ever more of a history that fills. */
export function longestSlice(full: number): number {
  return 120_000 * 2 ** Math.floor(8 * Math.min(full, 1));
}
