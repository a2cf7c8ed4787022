import type { Session } from './session.js';

export interface OpeningRow {
  opening: number;
  phase: string;
  gate: string;
  planHash: string;
  parked: boolean;
  openedAt: Date;
  deadline: Date | null;
  closedAt: Date | null;
  outcome: string | null;
  /** of a parking: what may be done with the step; null where a Rekey that did not keep it wrote the row */
  actions: string[] | null;
}

const columns = `opening::float8 as opening, phase, gate, plan_hash as "planHash", parked, opened_at as "openedAt",
  deadline, closed_at as "closedAt", outcome, actions`;

/**
 * Opens a gate and gives the opening its number. The same `key` (run id, a blank, activity id) gives the same opening, so
 * that an activity that is tried again opens one gate. Openings of this phase that a reset or a terminated run left open,
 * and those of the same gate, are closed as 'superseded'; a step that parks closes no checkpoint, whose approval it goes on with
 * after a retry: a reset at the gate gives the run another id, and the gate stays its own.
 */
export async function openGate(
  session: Session,
  gate: {
    phase: string;
    gate: string;
    planHash: string;
    parked: boolean;
    deadline: string | null;
    actions?: string[] | null;
    key: string;
  },
): Promise<OpeningRow> {
  return session.transaction(async () => {
    // one at a time: the number tells which opening is the newest
    await session.query(
      `select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('rekey gate ' || $1, 0))`,
      [gate.phase],
    );
    const [there] = await session.query<OpeningRow>(`select ${columns} from rekey.opening where key = $1`, [
      gate.key,
    ]);
    if (there) return there;
    await session.query(
      `update rekey.opening set closed_at = pg_catalog.clock_timestamp(), outcome = 'superseded'
       where phase = $1 and closed_at is null
         and (gate = $2 or ((parked or not $4::bool)
           and pg_catalog.split_part(key, ' ', 1) <> pg_catalog.split_part($3, ' ', 1)))`,
      [gate.phase, gate.gate, gate.key, gate.parked],
    );
    return session.one<OpeningRow>(
      `insert into rekey.opening (phase, gate, plan_hash, parked, deadline, key, actions)
       values ($1, $2, $3, $4, $5, $6, $7) returning ${columns}`,
      [gate.phase, gate.gate, gate.planHash, gate.parked, gate.deadline, gate.key, gate.actions ?? null],
    );
  });
}

/** Closes an opening; one that is closed keeps its outcome. */
export async function closeGate(session: Session, opening: number, outcome: string): Promise<void> {
  await session.query(
    `update rekey.opening set closed_at = pg_catalog.clock_timestamp(), outcome = $2
     where opening = $1 and closed_at is null`,
    [opening, outcome],
  );
}

/** An escalation gives the same opening its next deadline (ISO time). */
export async function setDeadline(session: Session, opening: number, deadline: string | null): Promise<void> {
  await session.query('update rekey.opening set deadline = $2 where opening = $1 and closed_at is null', [
    opening,
    deadline,
  ]);
}

/** The newest opening of a phase, of one gate or of all; open or closed. */
export async function newestOpening(
  session: Session,
  phase: string,
  gate: string | null = null,
): Promise<OpeningRow | null> {
  const [row] = await session.query<OpeningRow>(
    `select ${columns} from rekey.opening o where phase = $1 and ($2::text is null or gate = $2)
     order by o.opening desc limit 1`,
    [phase, gate],
  );
  return row ?? null;
}
