import type { Session } from './session.js';

export interface PhaseRow {
  phase: string;
  plan: string;
  planHash: string;
  position: number;
  kind: string;
  state: 'open' | 'done' | 'rolled-back';
  cutOver: boolean;
  /** hashes of documents */
  planDocument: string | null;
  catalogDocument: string | null;
  fingerprint: string | null;
  /** of the Rekey that opened it */
  wroteVersion: string;
  startedAt: Date;
  cutOverAt: Date | null;
  finishedAt: Date | null;
}

const columns = `phase, plan, plan_hash as "planHash", position, kind, state, cut_over as "cutOver",
  plan_document as "planDocument", catalog_document as "catalogDocument", fingerprint,
  wrote_version as "wroteVersion", started_at as "startedAt", cut_over_at as "cutOverAt", finished_at as "finishedAt"`;

/** Phases that were begun, in the plan's order. */
export async function readPhases(session: Session): Promise<PhaseRow[]> {
  return session.query<PhaseRow>(`select ${columns} from rekey.phase order by position, phase`);
}

export async function readPhase(session: Session, phase: string): Promise<PhaseRow | null> {
  const [row] = await session.query<PhaseRow>(`select ${columns} from rekey.phase where phase = $1`, [phase]);
  return row ?? null;
}

/**
 * On the way back that is an earlier phase than the last of the plan. Asked of the server, as a Date has no
 * microseconds: phases without rows are rolled back within one millisecond.
 */
export async function readLastEnded(session: Session): Promise<PhaseRow | null> {
  const [row] = await session.query<PhaseRow>(
    `select ${columns} from rekey.phase
     where finished_at is not null order by finished_at desc, position desc limit 1`,
  );
  return row ?? null;
}

/**
 * Writes that a phase is open. One that is open already stays as it is; one that was rolled back begins anew, with the
 * plan as it is now. A phase that is done is not touched. Answers with the row.
 */
export async function openPhaseRow(
  session: Session,
  phase: Pick<
    PhaseRow,
    'phase' | 'plan' | 'planHash' | 'position' | 'kind' | 'planDocument' | 'wroteVersion'
  >,
): Promise<PhaseRow> {
  await session.query(
    `insert into rekey.phase as p (phase, plan, plan_hash, position, kind, state, plan_document, wrote_version)
     values ($1, $2, $3, $4, $5, 'open', $6, $7)
     on conflict (phase) do update
       set plan = excluded.plan, plan_hash = excluded.plan_hash, position = excluded.position, kind = excluded.kind,
         state = 'open', cut_over = false, plan_document = excluded.plan_document, catalog_document = null,
         fingerprint = null, wrote_version = excluded.wrote_version, started_at = pg_catalog.now(),
         cut_over_at = null, finished_at = null
       where p.state = 'rolled-back'`,
    [
      phase.phase,
      phase.plan,
      phase.planHash,
      phase.position,
      phase.kind,
      phase.planDocument,
      phase.wroteVersion,
    ],
  );
  return session.one<PhaseRow>(`select ${columns} from rekey.phase where phase = $1`, [phase.phase]);
}

/** What preflight saw: the catalog's document and the fingerprint. */
export async function setPhaseGround(
  session: Session,
  phase: string,
  ground: { catalogDocument: string; fingerprint: string },
): Promise<void> {
  await session.query('update rekey.phase set catalog_document = $2, fingerprint = $3 where phase = $1', [
    phase,
    ground.catalogDocument,
    ground.fingerprint,
  ]);
}

/** What hangs on the tables after the cutover: the way back compares with it. A document's hash. */
export async function setFingerprint(
  session: Session,
  phase: string,
  fingerprint: string | null,
): Promise<void> {
  await session.query('update rekey.phase set fingerprint = $2 where phase = $1', [phase, fingerprint]);
}

/** A phase that was finished, and opened for a rollback that never began. */
export async function finishAgain(session: Session, phase: string, finishedAt: string): Promise<void> {
  await session.query(
    `update rekey.phase set state = 'done', finished_at = $2 where phase = $1 and state = 'open'`,
    [phase, finishedAt],
  );
}

/** Written in the transaction of the cutover, and taken back in that of the swap back. */
export async function setCutOver(session: Session, phase: string, cutOver: boolean): Promise<void> {
  await session.query(
    `update rekey.phase set cut_over = $2, cut_over_at = case when $2 then pg_catalog.now() end where phase = $1`,
    [phase, cutOver],
  );
}

/** A finished phase that is to be rolled back is open again until it is rolled back. */
export async function setPhaseState(
  session: Session,
  phase: string,
  state: PhaseRow['state'],
): Promise<void> {
  await session.query(
    `update rekey.phase
     set state = $2, finished_at = case when $2 = 'open' then null else pg_catalog.now() end
     where phase = $1 and state <> $2`,
    [phase, state],
  );
}
