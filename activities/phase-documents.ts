import type { Catalog } from '../src/catalog/model.js';
import { RekeyError } from '../src/errors.js';
import type { ColumnRef, Phase, Plan } from '../src/plan/model.js';
import { readDocument } from '../src/postgres/documents.js';
import { readMembers } from '../src/postgres/members.js';
import type { PhaseRow } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';

/** Plan and catalog as they were when the phase began: what a run goes by, whatever happens to the files meanwhile. */
export async function planOf(session: Session, row: PhaseRow): Promise<{ plan: Plan; phase: Phase }> {
  const plan = JSON.parse(await document(session, row.phase, row.planDocument)) as Plan;
  const phase = plan.phases.find((p) => p.phase === row.phase);
  if (!phase) throw missing(row.phase);
  return { plan, phase };
}

export async function catalogOf(session: Session, row: PhaseRow): Promise<Catalog> {
  return JSON.parse(await document(session, row.phase, row.catalogDocument)) as Catalog;
}

/** Columns that the cutovers of other phases left behind. */
export async function legacyColumnsOf(session: Session, phase: string): Promise<ColumnRef[]> {
  return (await readMembers(session)).flatMap((m) =>
    m.phase !== phase && m.state === 'cut-over' && m.legacy !== null
      ? [{ table: m.tableName, column: m.legacy }]
      : [],
  );
}

async function document(session: Session, phase: string, hash: string | null): Promise<string> {
  const content = hash === null ? null : await readDocument(session, hash);
  if (content === null) throw missing(phase);
  return content;
}

function missing(phase: string): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'phase.no-document',
    message: `schema rekey has no plan or catalog of phase ${phase}: preflight was not run to its end`,
    remedy: 'Resolve preflight with retry, or roll the phase back.',
  });
}
