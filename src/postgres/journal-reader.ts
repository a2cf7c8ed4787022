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

/** Why a step of an open phase could not do its work; the only words of others that are kept, so row data may stand in them. */
export interface FailureWords {
  phase: string;
  step: string;
  /** the hook that failed; null where PostgreSQL refused */
  hook: string | null;
  object: string | null;
  statement: string | null;
  sqlstate: string | null;
  /** PostgreSQL's message and detail, or the end of what the hook printed */
  said: string;
  at: Date;
}

/** What was said last of each step that has failed and since which no step of its phase has ended well, oldest first. */
export async function readFailureWords(session: Session, phase: string | null): Promise<FailureWords[]> {
  const rows = await session.query<FailureWords>(
    `with failed as (
       select j.*, case when j.kind = 'hook' then j.object end as hook,
         case when j.kind = 'hook' then pg_catalog.concat_ws(': ', j.detail->>'said', nullif(j.detail->>'output', '')) else j.detail->>'postgres' end as said
       from rekey.journal j join rekey.phase p on p.phase = j.phase and p.state = 'open'
       where (j.kind = 'failure' or j.kind = 'hook' and j.detail->>'passed' = 'false') and ($1::text is null or j.phase = $1)
         and not exists (select from rekey.journal l where l.phase = j.phase and l.id > j.id
           and (l.kind = 'step' or l.kind = 'validation' and l.detail->>'passed' = 'true'
             or l.kind = 'hook' and j.kind = 'hook' and l.object = j.object and l.detail->>'passed' = 'true')))
     select distinct on (f.phase, f.step, f.hook) f.phase, f.step, f.hook, f.object, s.statement, f.sqlstate, f.said, f.at
     from failed f left join lateral (
       select statement from failed o where o.phase = f.phase and o.step = f.step and o.said = f.said and o.statement is not null
       order by o.id desc limit 1) s on true
     where f.said is not null order by f.phase, f.step, f.hook, f.id desc`,
    [phase],
  );
  return rows.sort((a, b) => a.at.getTime() - b.at.getTime());
}
