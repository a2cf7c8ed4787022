import type { Session } from './session.js';

/** The only place, beside the journal, where row data may stand: shown by `rekey findings`, never in a history. */
export interface Finding {
  phase: string;
  step: string;
  check: string;
  object: string | null;
  count: number | null;
  /** offending keys and values, as JSON */
  example: unknown;
}

export async function writeFinding(session: Session, finding: Finding): Promise<void> {
  await session.query(
    `insert into rekey.finding (phase, step, check_name, object, count, example) values ($1, $2, $3, $4, $5, $6::jsonb)`,
    [
      finding.phase,
      finding.step,
      finding.check,
      finding.object,
      finding.count,
      finding.example === undefined ? null : JSON.stringify(finding.example),
    ],
  );
}

/** Newest first. */
export async function readFindings(
  session: Session,
  filter: { phase?: string; limit?: number } = {},
): Promise<(Finding & { at: Date })[]> {
  return session.query(
    `select phase, step, check_name as "check", object, count::float8 as count, example, at from rekey.finding
     where $1::text is null or phase = $1 order by id desc limit $2::bigint`,
    [filter.phase ?? null, filter.limit ?? null],
  );
}
