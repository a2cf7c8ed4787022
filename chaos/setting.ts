import type { Stage } from './stage.js';

/** Clients that go on while everything is broken around them. */
export interface Load {
  /** ends it and compares the database with what was acknowledged: each complaint is a sentence, none is good */
  stop(): Promise<LoadVerdict>;
}

export interface LoadVerdict {
  complaints: string[];
  operations: number;
  /** those that an outage or a cutover made them do twice */
  retried: number;
}

/** A database, the plan that moves it and the clients that live on it: what a round breaks things around. */
export interface Setting {
  /** the phase that is disturbed; null for all of them, one after the other */
  phase: string | null;
  /** whether outages take minutes, and clients' transactions as long as real ones */
  minutes?: boolean;
  /** run once beforehand, undisturbed, in the database that rounds are copied from */
  before: string[];
  /** the plan's text; its name is `chaos` */
  plan: string;
  /** the names of all its phases */
  phases: string[];
  /** schema, roles and data, in a new database of that name */
  create(stage: Stage, database: string): Promise<void>;
  /** the address of the role that Rekey connects as */
  ownerUrl(stage: Stage, database: string): string;
  /** what workers have to have set for the plan's hooks and checks */
  variables: Record<string, string>;
  startLoad(stage: Stage, database: string, seed: number): Promise<Load>;
}
