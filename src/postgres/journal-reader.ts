import type { JournalKind } from './journal.js';
import type { Session } from './session.js';

export interface JournalRow {
  id: string;
  at: Date;
  phase: string | null;
  step: string | null;
  kind: JournalKind;
  object: string | null;
  statement: string | null;
  durationMs: number | null;
  lockWaitMs: number | null;
  rows: string | null;
  sqlstate: string | null;
  detail: unknown;
  workflowId: string | null;
  runId: string | null;
}

/** Entries of a phase (null: of all), oldest first; of these kinds, of this step, after this id. */
export async function readJournal(
  session: Session,
  filter: {
    phase?: string | null;
    step?: string;
    kinds?: JournalKind[];
    after?: string;
    limit?: number;
  } = {},
): Promise<JournalRow[]> {
  return session.query<JournalRow>(
    `select id, at, phase, step, kind, object, statement, duration_ms as "durationMs", lock_wait_ms as "lockWaitMs",
       rows, sqlstate, detail, workflow_id as "workflowId", run_id as "runId"
     from rekey.journal
     where ($1::text is null or phase = $1) and ($2::text is null or step = $2)
       and ($3::text[] is null or kind = any ($3)) and ($4::bigint is null or id > $4)
     order by id limit $5::bigint`,
    [
      filter.phase ?? null,
      filter.step ?? null,
      filter.kinds ?? null,
      filter.after ?? null,
      filter.limit ?? null,
    ],
  );
}

/** The step of which the newest entry of kind 'step' tells, with what it says (`detail`). */
export async function lastStep(
  session: Session,
  phase: string,
): Promise<{ step: string; detail: unknown; at: Date } | null> {
  const [row] = await session.query<{ step: string; detail: unknown; at: Date }>(
    `select step, detail, at from rekey.journal where phase = $1 and kind = 'step' order by id desc limit 1`,
    [phase],
  );
  return row ?? null;
}

/** The longest time that the locks of one transaction were held in a phase (null: in all), in ms. */
export async function longestLock(session: Session, phase: string | null): Promise<number> {
  const { longest } = await session.one<{ longest: number }>(
    `select coalesce(max(duration_ms), 0) as longest from rekey.journal
     where kind = 'locks' and ($1::text is null or phase = $1)`,
    [phase],
  );
  return longest;
}
