import { readCatalog } from '../src/catalog/read.js';
import { type Judged, judge } from '../src/checks/acceptance.js';
import { legacyInUse } from '../src/checks/hazards/legacy-in-use.js';
import { unknownToWorker } from '../src/checks/hazards/worker.js';
import { loadHooks } from '../src/checks/hooks-file.js';
import { preflight, preflightWithoutTables } from '../src/checks/preflight.js';
import { checkReadiness } from '../src/checks/readiness.js';
import { tryTwins } from '../src/checks/trial.js';
import { type Hazard, RekeyError } from '../src/errors.js';
import { allKinds } from '../src/kinds/all.js';
import { writeJournal } from '../src/postgres/journal.js';
import { readMembers } from '../src/postgres/members.js';
import { rekeySchemaStatements } from '../src/postgres/rekey-schema.js';
import { noteLines } from '../src/report/notes-by-code.js';
import { redundantHazards } from '../src/substitution/redundant.js';
import { serverFunctions } from '../src/substitution/server-functions.js';
import { backupRoom } from './backup-room.js';
import type { PreflightResult } from './contract.js';
import { scratchHazards } from './foundation.js';
import { freeDiskOfServer } from './free-disk.js';
import { keepFinding } from './keep-finding.js';
import { legacyColumnsOf } from './phase-documents.js';
import type { PhaseWork, StepWork } from './phase-work.js';

/**
 * Everything that has to be known before a phase changes anything. Throws Hazard with all that stands in the way; what was
 * accepted and what is only to be noted goes into the journal. Locks: ACCESS SHARE.
 */
export async function lookBeforeChange(
  work: StepWork,
  tables: PhaseWork | null,
): Promise<Omit<PreflightResult, 'fingerprint'>> {
  const beat = (doing: string) => () => work.heartbeat({ doing });
  const judged = tables ? await lookAtTables(work, tables) : await lookWithoutTables(work);
  // where rows are hidden from Rekey the plan's own SQL would end in an error that says less
  const hidden = judged.unhandled.some((h) => h.hazard === 'forced-row-security');
  const readiness = hidden
    ? { hazards: [], warnings: [] }
    : await checkReadiness(work.session, work.phase, undefined, beat('readiness checks'), (finding) =>
        keepFinding(work, finding),
      );
  const unhandled = [
    ...judged.unhandled,
    ...unknownToWorker(work.phase, await loadHooks(process.env.REKEY_HOOKS), process.env),
    ...(await backupRoom(work, tables)),
    ...readiness.hazards,
  ];
  for (const { hazard, on, message } of judged.notes)
    await writeJournal(work.session, work.scope, { kind: 'note', object: on, detail: { hazard, message } });
  for (const { hazard, on, because } of judged.accepted)
    await writeJournal(work.session, work.scope, {
      kind: 'note',
      object: on,
      detail: { hazard, accepted: because },
    });
  if (unhandled.length) throw hazardsStop(unhandled);
  return {
    hazards: 0,
    accepted: judged.accepted.length,
    notes: judged.notes.length,
    warnings: [...readiness.warnings, ...noteLines(judged.notes)].slice(0, 20),
  };
}

async function lookAtTables(work: StepWork, tables: PhaseWork): Promise<Judged> {
  const { session, plan } = work;
  const beat = (doing: string) => () => work.heartbeat({ doing });
  const foundation = [...rekeySchemaStatements([]), ...serverFunctions];
  // a run that was ended half-way has tried its twins, and live triggers stand on the functions that a trial would drop
  const begun = (await readMembers(session, work.ref.phase)).length > 0;
  const tryOnCopies = async () =>
    (
      await tryTwins(
        session,
        tables.view,
        tables.phase,
        allKinds,
        foundation,
        beat('tries the twins on empty copies'),
      )
    ).hazards;
  return preflight(
    {
      plan,
      phase: tables.phase,
      view: tables.view,
      statements: tables.statements,
      database: session,
      onFinding: (finding) => keepFinding(work, finding),
      heartbeat: beat('looks for hazards'),
      freeDisk: await freeDiskOfServer(work),
    },
    begun ? async () => [] : tryOnCopies,
  );
}

async function lookWithoutTables(work: StepWork): Promise<Judged> {
  const judged = await preflightWithoutTables(work.session, work.plan, work.phase, work.session.version);
  if (work.phase.kind === 'foundation')
    return { ...judged, notes: [...judged.notes, ...(await scratchHazards(work))] };
  if (work.phase.kind !== 'cleanup') return judged;
  const catalog = await readCatalog(work.session.query, allKinds);
  const legacy = await legacyColumnsOf(work.session, work.ref.phase);
  const more = judge(work.plan, work.phase, [
    ...redundantHazards(work.phase.redundant, catalog),
    ...(await legacyInUse(work.session, legacy)),
  ]);
  return { ...judged, unhandled: [...judged.unhandled, ...more.unhandled] };
}

const shown = 20;

const all =
  'Handle each, or accept it in the plan where its rank is accept (then roll back and start again), then resolve preflight with retry.';

/** A hazard's remedy as a sentence of its own, with what goes on from there. */
function remedyOfTheHazard(remedy: string): string {
  if (/resolve with retry$/.test(remedy)) return sentence(remedy);
  // a phase keeps the plan that it was opened with
  return /\bplan\b/.test(remedy)
    ? sentence(
        `${remedy}, then resolve preflight with retry, or with rollback and start again where the plan was changed`,
      )
    : sentence(`${remedy}, then resolve preflight with retry`);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** One error for all that stands in the way. */
export function hazardsStop(hazards: Hazard[]): RekeyError {
  const [first] = hazards;
  const lines = hazards.slice(0, shown).map((h) => `${h.hazard} on ${h.on}: ${h.message}; ${h.remedy}.`);
  const more = hazards.length > shown ? ` And ${hazards.length - shown} more.` : '';
  const one = hazards.length === 1;
  return new RekeyError('Hazard', {
    code: one ? (first as Hazard).hazard : 'hazards',
    message: `${hazards.length} ${one ? 'hazard stands' : 'hazards stand'} in the way. ${lines.join(' ')}${more}`,
    remedy: one && first?.rank === 'stop' ? remedyOfTheHazard(first.remedy) : all,
  });
}
