import type { Session } from './session.js';

export interface DecisionRow {
  opening: number | null;
  phase: string;
  checkpoint: string;
  decision: string;
  /** a claim */
  by: string | null;
  /** of the client, a claim */
  clientIdentity: string | null;
  /** of the server, where it gives one */
  principal: string | null;
  reason: string | null;
  checklist: string[];
  /** 'counted', or why it opened nothing */
  verdict: string;
  at: Date | string;
}

/** Writes a decision; the same `key` again (run id and event) changes nothing. */
export async function writeDecision(session: Session, key: string, decision: DecisionRow): Promise<void> {
  await session.query(
    `insert into rekey.decision
       (key, opening, phase, checkpoint, decision, by, client_identity, principal, reason, checklist, verdict, at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12) on conflict (key) do nothing`,
    [
      key,
      decision.opening,
      decision.phase,
      decision.checkpoint,
      decision.decision,
      decision.by,
      decision.clientIdentity,
      decision.principal,
      decision.reason,
      JSON.stringify(decision.checklist),
      decision.verdict,
      decision.at,
    ],
  );
}

/** In the order in which they were written; of one opening or of the whole phase. */
export async function readDecisions(
  session: Session,
  phase: string,
  opening: number | null = null,
): Promise<DecisionRow[]> {
  return session.query<DecisionRow>(
    `select opening::float8 as opening, phase, checkpoint, decision, by, client_identity as "clientIdentity", principal,
       reason, checklist, verdict, at
     from rekey.decision where phase = $1 and ($2::bigint is null or opening = $2) order by id`,
    [phase, opening],
  );
}
