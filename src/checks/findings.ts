/** What a check found, with an example or none: goes to rekey.finding and nowhere else. Examples hold keys only. */
export interface Finding {
  check: string;
  /** the object, as a plan would name it */
  on: string;
  count: number;
  /** key columns and their values, as text */
  example: Record<string, string | null> | null;
}

export type OnFinding = (finding: Finding) => Promise<void> | void;

/** Examples kept of one check. */
export const exampleLimit = 5;
