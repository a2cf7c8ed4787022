import { findTools } from '../src/backup/find-tools.js';
import { schemaDump } from '../src/backup/schema-dump.js';
import { readCatalog } from '../src/catalog/read.js';
import { allKinds } from '../src/kinds/all.js';
import { storeDocument } from '../src/postgres/documents.js';
import { readMembers } from '../src/postgres/members.js';
import { setPhaseGround } from '../src/postgres/phases.js';
import { forgetOthers } from '../src/postgres/taken-along.js';
import type { Attempt } from './attempt.js';
import { connectionUrl } from './connection-url.js';
import type { PhaseRef, PreflightResult } from './contract.js';
import { groundOf } from './ground.js';
import { lookBeforeChange } from './look.js';
import { withNames } from './names-gone.js';
import { legacyColumnsOf } from './phase-documents.js';
import {
  buildPhase,
  journalStep,
  type PhaseWork,
  type StepWork,
  toPhaseWork,
  withStep,
} from './phase-work.js';

/**
 * Looks before anything is changed: hazards, readiness, and every twin made on empty copies in a transaction that is
 * rolled back. Keeps the catalog, the fingerprint and the schema's dump, which all later steps go by. Locks: ACCESS SHARE.
 */
export function preflight(ref: PhaseRef, attempt: Attempt): Promise<PreflightResult> {
  return withStep('preflight', ref, attempt, async (work) => {
    const tables = await groundWork(work);
    const look = () => lookBeforeChange(work, tables);
    // of a phase that was ended half-way names may be gone since
    const found = tables ? await withNames(tables, look) : await look();
    const fingerprint = tables ? await keepGround(tables) : '';
    const result = { ...found, fingerprint: fingerprint.slice(0, 12) };
    await journalStep(work, result);
    return result;
  });
}

/** Where the phase has begun to change things, the catalog stays as it was stored before. */
async function groundWork(work: StepWork): Promise<PhaseWork | null> {
  const { phase, session, plan, record } = work;
  if (phase.kind !== 'tables') return null;
  if (await hasBegun(work)) return toPhaseWork(work);
  const catalog = await readCatalog(session.query, allKinds);
  const catalogDocument = await storeDocument(session, 'catalog', JSON.stringify(catalog));
  await setPhaseGround(session, phase.phase, { catalogDocument, fingerprint: '' });
  const legacy = await legacyColumnsOf(session, phase.phase);
  return {
    ...work,
    phase,
    record: { ...record, catalogDocument },
    catalog,
    ...buildPhase(plan, phase, catalog, legacy),
  };
}

async function hasBegun(work: StepWork): Promise<boolean> {
  return work.record.catalogDocument !== null && (await readMembers(work.session, work.ref.phase)).length > 0;
}

async function keepGround(work: PhaseWork): Promise<string> {
  if (await hasBegun(work)) return work.record.fingerprint as string;
  const fingerprint = await groundOf(work, 'before');
  await forgetOthers(work.session, work.ref.phase);
  await setPhaseGround(work.session, work.ref.phase, {
    catalogDocument: work.record.catalogDocument as string,
    fingerprint,
  });
  await keepDump(work);
  return fingerprint;
}

/** What a rollback has to give back to the byte. Where no fitting pg_dump is to be had, validation compares catalogs only. */
async function keepDump(work: PhaseWork): Promise<void> {
  const dump = await dumpOf(work);
  if (dump === null) return;
  const hash = await storeDocument(work.session, 'schema-dump', dump);
  await work.session.execute(
    `insert into rekey.setting (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value`,
    [`schema-dump ${work.ref.phase}`, hash],
  );
}

export async function dumpOf(work: StepWork): Promise<string | null> {
  return (await findTools(work.session.version)) === null ? null : schemaDumpOf(work);
}

/** Throws StepFailed `backup.no-pg-dump` where no fitting pg_dump is to be had. */
export function schemaDumpOf(work: StepWork): Promise<string> {
  const url = connectionUrl(work.ref.connection);
  return schemaDump({ url, serverVersion: work.session.version, signal: work.signal });
}
