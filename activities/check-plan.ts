import { readCatalog } from '../src/catalog/read.js';
import { privileges } from '../src/checks/hazards/privileges.js';
import { supported } from '../src/checks/hazards/server.js';
import { publicationsOfAll } from '../src/checks/hazards/subscribers.js';
import { allKinds } from '../src/kinds/all.js';
import { checkPlanAgainst } from '../src/plan/check-catalog.js';
import type { FoundPlan } from '../src/plan/find.js';
import type { Phase, Plan } from '../src/plan/model.js';
import { rekeySchemaVersionOf } from '../src/postgres/bootstrap.js';
import { readMembers } from '../src/postgres/members.js';
import type { PhaseRow } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { keyFactsOf } from '../src/substitution/key-facts.js';
import { hazardsStop } from './look.js';

/**
 * What these phases ask for and the database does not have: BadInput with its place in the file. Phases that have begun are
 * left out: their integers are gone, or going. Changes nothing; locks: ACCESS SHARE on catalogs.
 */
export async function refuseWhatIsNotThere(
  session: Session,
  { plan, locate }: FoundPlan,
  rows: PhaseRow[],
  names: string[],
): Promise<void> {
  const begun = rows.filter((row) => row.state !== 'rolled-back').map((row) => row.phase);
  const phases = names.filter((name) => !begun.includes(name));
  if (phases.length === 0) return;
  const catalog = await readCatalog(session.query, allKinds);
  const legacy = rows.length === 0 ? [] : await legacyColumns(session);
  const errors = checkPlanAgainst(plan, keyFactsOf(catalog, legacy), { locate, phases });
  if (errors) throw errors;
}

/**
 * What has to be so before the schema rekey can be made, in which everything else is written down. Throws Hazard: for the
 * operator it is the first thing that preflight looks at.
 */
export async function refuseServer(
  session: Pick<Session, 'query' | 'transaction' | 'version'>,
): Promise<void> {
  const hazards = [...supported(session.version), ...(await privileges(session, null))];
  if (hazards.length > 0) throw hazardsStop(hazards);
}

/**
 * A publication of all tables would have those of the schema rekey from the moment in which they are made, and its
 * subscribers would stop at the first row of them: found before that. Throws Hazard.
 */
export async function refusePublications(session: Session, plan: Plan, phase: Phase): Promise<void> {
  if ((await rekeySchemaVersionOf(session)) !== null) return;
  const hazards = (await publicationsOfAll(session, plan, phase)).filter(({ rank }) => rank === 'stop');
  if (hazards.length > 0) throw hazardsStop(hazards);
}

async function legacyColumns(session: Session) {
  return (await readMembers(session)).flatMap((m) =>
    m.state === 'cut-over' && m.legacy !== null ? [{ table: m.tableName, column: m.legacy }] : [],
  );
}
