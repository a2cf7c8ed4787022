import { withClient } from './database.js';

/** Something that Rekey ran, ms since the epoch by the server's clock. */
export interface Event {
  phase: string;
  step: string;
  from: number;
  to: number;
  /** what clients may notice of it: keys of another type, other columns, or nothing */
  changes: 'keys' | 'columns' | 'nothing';
  /** the unique index that it makes or drops */
  makes: string | null;
  drops: string | null;
  /** the end of a step, and no statement */
  ends: boolean;
}

/**
 * All statements and ends of steps in Rekey's journal, oldest first; none where there is no journal. Of changes only
 * those of schema `shop`: what moves beside it explains nothing here.
 */
export async function readEvents(superuserUrl: string): Promise<Event[]> {
  return withClient(superuserUrl, async (client) => {
    const { rows: there } = await client.query<{ there: boolean }>(
      `select to_regclass('rekey.journal') is not null as there`,
    );
    if (!there[0]?.there) return [];
    const { rows } = await client.query<Event>(
      `select phase, step, extract(epoch from at)::float8 * 1000 as from,
         extract(epoch from at)::float8 * 1000 + coalesce(duration_ms, 0) as to,
         case when statement !~ '\\mshop\\M' then 'nothing'
              when statement ~ 'rename column' then 'keys'
              when statement ~ '(add|drop) column' then 'columns' else 'nothing' end as changes,
         substring(statement from 'create unique index (?:concurrently )?(?:if not exists )?"([^"]+)"') as makes,
         substring(statement from 'drop index (?:concurrently )?(?:if exists )?(?:"[^"]+"\\.)?"([^"]+)"') as drops,
         kind = 'step' as ends
       from rekey.journal where phase is not null and step is not null order by id`,
    );
    return rows;
  });
}

/** A statement is journalled before its transaction commits: until then a client that looks sees what was. */
const commitTakes = 3_000;

export interface Retry {
  operation: string;
  everything: boolean;
  code: string;
  /** the client's last look at the schema before it failed, and the next one after it; by the server's clock, ms */
  since: number;
  until: number;
}

/** A retry is explained by a change of the schema since the client looked last. Answers with those that are not. */
export function unexplained(retries: Retry[], events: Event[]): string[] {
  return retries
    .filter(
      (retry) =>
        !events.some(
          (event) =>
            (event.changes === 'keys' || (retry.everything && event.changes === 'columns')) &&
            event.to >= retry.since - commitTakes &&
            event.from <= retry.until,
        ),
    )
    .map(
      ({ operation, code, since, until }) =>
        `a retry outside of any cutover: ${operation}: ${code} between ${new Date(since).toISOString()} and ${new Date(until).toISOString()}`,
    );
}

export interface Stall {
  phase: string;
  step: string;
  /** the longest time from when an operation was due until it was answered, ms */
  ms: number;
  operation: string;
}

/** Of one operation: when it was due and when it was answered, ms since the epoch. */
export interface Taken {
  operation: string;
  due: number;
  ended: number;
}

export interface TwinRefusal {
  operation: string;
  /** the unique index that refused it; null for a deadlock among upserts, which any of them makes possible */
  index: string | null;
  /** ms */
  at: number;
}

/**
 * A unique index beside the one that an upsert names stands for a while: from where the plan has it built until the
 * cutover, and on the way back from its first step until the swap. Answers with the refusals outside of that; with `late`
 * a twin may stand only after the last approval.
 */
export function withoutTwin(refusals: TwinRefusal[], events: Event[], twins: 'early' | 'late'): string[] {
  const windows = events.flatMap((made, i) => {
    if (made.makes === null) return [];
    const after = events.slice(i + 1).filter(({ phase }) => phase === made.phase);
    const over = after.find(({ changes, drops }) => changes === 'keys' || drops === made.makes);
    // `late` builds in two: what needs no unique twin first. A second part that was killed leaves no end in the journal
    const before = events.slice(0, i).filter(({ phase, ends }) => ends && phase === made.phase);
    const last = before.findLast(({ step }) => step === 'buildTwins' || step === 'addColumns');
    const may = twins === 'early' || made.step !== 'buildTwins' || last?.step === 'buildTwins';
    return may ? [{ index: made.makes, from: made.from, to: (over?.to ?? Infinity) + commitTakes }] : [];
  });
  return refusals
    .filter(
      ({ index, at }) =>
        !windows.some((w) => (index === null || w.index === index) && w.from <= at && at <= w.to),
    )
    .map(
      ({ operation, index, at }) =>
        `a unique twin refused what it should not: ${operation}: ${index === null ? '40P01' : `23505 ${index}`} at ${new Date(at).toISOString()}`,
    );
}

export interface RefusedPosition {
  operation: string;
  code: string;
  /** ms */
  at: number;
}

/**
 * A table has other columns, or another order of them, from a phase's `addColumns` on: for ever, or until its `dropColumns`
 * on the way back. Answers with what was refused by position outside of that.
 */
export function withoutColumns(refused: RefusedPosition[], events: Event[]): string[] {
  const changed = events.filter(({ changes }) => changes === 'columns');
  const windows = changed
    .filter(({ step }) => step === 'addColumns')
    .map((added) => {
      const dropped = changed.find(
        ({ phase, step, from }) => phase === added.phase && step === 'dropColumns' && from > added.from,
      );
      // each table has statements of its own: only the end of the step is the end of them
      const last = events.find(
        ({ phase, step, ends, from }) =>
          dropped && phase === added.phase && step === 'dropColumns' && ends && from >= dropped.from,
      );
      return { from: added.from, to: last?.to ?? Infinity };
    });
  return refused
    .filter(({ at }) => !windows.some(({ from, to }) => from <= at && at <= to + commitTakes))
    .map(
      ({ operation, code, at }) =>
        `refused by position where no columns had changed: ${operation}: ${code} at ${new Date(at).toISOString()}`,
    );
}

/**
 * Before PostgreSQL 18 a reference that the swap back brings back is NOT NULL by a CHECK until its step ends: a null is
 * refused all the same, but as 23514. Answers with those outside of that step.
 */
export function withoutSwapBack(times: number[], events: Event[]): string[] {
  const steps = stretches(events).filter(({ step }) => step === 'swapKeysBack');
  return times
    .filter((at) => !steps.some(({ from, to }) => from <= at && at <= to + commitTakes))
    .map((at) => `a null was refused by a check outside of a swap back, at ${new Date(at).toISOString()}`);
}

/** Operations that took no longer say nothing about stalls, ms. */
export const noStall = 20;

/**
 * For each step of each phase the operation that took longest of those that met it, over all times that it ran; `noStall`
 * where none took longer than that.
 */
export function stalls(taken: Taken[], events: Event[]): Stall[] {
  const longest = new Map<string, Stall>();
  for (const { phase, step, from, to } of stretches(events)) {
    const key = `${phase} ${step}`;
    if (!longest.has(key)) longest.set(key, { phase, step, ms: noStall, operation: 'none took longer' });
    for (const { operation, due, ended } of taken) {
      if (due > to || ended < from || ended - due <= (longest.get(key)?.ms ?? 0)) continue;
      longest.set(key, { phase, step, ms: Math.round(ended - due), operation });
    }
  }
  return [...longest.values()];
}

/** A step may run again later (validation, a second try): what is between belongs to other steps. */
function stretches(events: Event[]): Event[] {
  const found: Event[] = [];
  for (const event of events) {
    const last = found.at(-1);
    if (last?.phase === event.phase && last.step === event.step) last.to = Math.max(last.to, event.to);
    else found.push({ ...event });
  }
  return found;
}
