import type { Command } from 'commander';
import { type Judged, judge } from '../checks/acceptance.js';
import { findHazards, preflightWithoutTables } from '../checks/preflight.js';
import { type Hazard, RekeyError } from '../errors.js';
import { allKinds } from '../kinds/all.js';
import { checkPlanAgainst } from '../plan/check-catalog.js';
import { integerKeysInNoPhase } from '../plan/domains.js';
import type { FoundPlan } from '../plan/find.js';
import type { Phase, Plan, TablesPhase } from '../plan/model.js';
import { formatColumn } from '../plan/names.js';
import { notCarriedOver } from '../plan/not-carried-over.js';
import { PlanErrors } from '../plan/problems.js';
import type { Session } from '../postgres/session.js';
import { once } from '../report/inspection.js';
import { type SeenPhase, seePhase, seePhases } from '../report/phase-views.js';
import { keyFactsOf } from '../substitution/key-facts.js';
import { catalogAfter } from '../substitution/predict.js';
import { redundantHazards } from '../substitution/redundant.js';
import { type DatabaseNow, readNow, withDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { problemText } from './failure.js';
import { hazardsText } from './hazards-text.js';
import { columns, heading, plural } from './layout.js';
import { print } from './output.js';
import { findPlan } from './plan-file.js';

export interface PlanCheckResult {
  plan: string;
  file: string;
  database: string | null;
  problems: { code: string; message: string; remedy: string; where?: string }[];
  hazards: (Hazard & { phase: string; acceptedBecause: string | null })[];
  /** integer keys that no phase moves */
  inNoPhase: { table: string; column: string; type: string }[];
}

export function addPlanCheck(parent: Command, done: (code: ExitCode) => void): void {
  parent
    .command('check')
    .description('all that is wrong with a plan; with a connection, also against its catalog')
    .argument('<plan>', 'name of a plan in REKEY_PLANS, or the path of its file')
    .option('--connection <connection>', 'name of a connection')
    .option('--json', 'for machines')
    .action(async (name: string, options: { connection?: string; json?: boolean }) => {
      const result = await check(name, options.connection);
      print(options.json ? result : planCheckText(result));
      done(isFine(result) ? exitCodes.fine : exitCodes.problems);
    });
}

async function check(name: string, connection: string | undefined): Promise<PlanCheckResult> {
  let found: FoundPlan;
  try {
    found = await findPlan(name);
  } catch (error) {
    // a plan that is not there is a wrong argument, one with mistakes is what this command is for
    if (!(error instanceof PlanErrors)) throw error;
    return { ...empty(name, name), problems: problemsOf(error) };
  }
  if (connection === undefined) return checkPlanAlone(found);
  return withDatabase(connection, (session) => checkPlanOn(found, session));
}

function empty(plan: string, file: string): PlanCheckResult {
  return { plan, file, database: null, problems: [], hazards: [], inNoPhase: [] };
}

/** Pure: the words that no step carries out yet. */
export function checkPlanAlone({ plan, file }: FoundPlan): PlanCheckResult {
  const hazards = plan.phases.flatMap((phase) =>
    judged(phase.phase, judge({ ...plan, accept: [] }, phase, notCarriedOver(plan, phase))),
  );
  return { ...empty(plan.plan, file), hazards };
}

/**
 * On a database: of each phase that has not begun, what stands in its way as things are now. Statements are looked at on
 * the catalog that earlier phases will leave, data and privileges as they are. Changes nothing; locks: ACCESS SHARE.
 */
async function checkPlanOn({ plan, file, locate }: FoundPlan, session: Session): Promise<PlanCheckResult> {
  const now = await readNow(session, { catalogs: true });
  const begun = now.phases.filter((p) => p.state !== 'rolled-back').map((p) => p.phase);
  const toCome = plan.phases.filter((p) => !begun.includes(p.phase));
  const facts = keyFactsOf(now.catalog, now.legacyColumns);
  const errors = checkPlanAgainst(plan, facts, { locate, phases: toCome.map((p) => p.phase) });
  const moved = plan.phases.flatMap((p) =>
    begun.includes(p.phase) && p.kind === 'tables' ? p.tables.map((t) => t.table) : [],
  );
  const result = {
    ...empty(plan.plan, file),
    database: now.catalog.database,
    inNoPhase: integerKeysInNoPhase(plan, facts).filter((key) => !moved.includes(key.table)),
  };
  // hazards of a plan that names what is not there would only repeat that
  if (errors) return { ...result, problems: problemsOf(errors) };
  const foretold = seePhases(plan, now, now.phases);
  const hazards: PlanCheckResult['hazards'] = [];
  for (const phase of toCome) {
    if (phase.kind !== 'tables') {
      const without = await preflightWithoutTables(session, plan, phase, now.catalog.version);
      hazards.push(
        ...judged(phase.phase, without),
        ...judged(phase.phase, judge(plan, phase, inCleanup(phase, foretold))),
      );
      continue;
    }
    const statements = foretold.find((s) => s.phase.phase === phase.phase)?.statements;
    const found = [...(statements?.hazards ?? []), ...(await hazardsNow(plan, phase, now, session))];
    hazards.push(...judged(phase.phase, judge(plan, phase, once(found))));
  }
  return { ...result, hazards };
}

/** What would go with a redundant column, on the catalog that the phases before will leave. */
function inCleanup(phase: Phase, foretold: SeenPhase[]): Hazard[] {
  const last = foretold.at(-1);
  return phase.kind === 'cleanup' && last
    ? redundantHazards(phase.redundant, catalogAfter(last.view, allKinds))
    : [];
}

async function hazardsNow(
  plan: Plan,
  phase: TablesPhase,
  now: DatabaseNow,
  session: Session,
): Promise<Hazard[]> {
  const { view, statements } = seePhase(plan, phase, now);
  const found = await findHazards({ plan, phase, view, statements, database: session, freeDisk: null });
  // shown once for the whole plan
  return found.filter((h) => h.hazard !== 'key-in-no-phase');
}

function judged(phase: string, { unhandled, accepted, notes }: Judged): PlanCheckResult['hazards'] {
  return [
    ...unhandled.map((h) => ({ ...h, phase, acceptedBecause: null })),
    ...accepted.map(({ because, ...h }) => ({ ...h, phase, acceptedBecause: because })),
    ...notes.map((h) => ({ ...h, phase, acceptedBecause: null })),
  ];
}

function problemsOf(error: PlanErrors): PlanCheckResult['problems'] {
  return error.errors.map((e) => (e instanceof RekeyError ? e.details : e));
}

export function isFine({ problems, hazards }: PlanCheckResult): boolean {
  const stops = (h: PlanCheckResult['hazards'][number]) =>
    h.rank === 'stop' || (h.rank === 'accept' && h.acceptedBecause === null);
  return problems.length === 0 && !hazards.some(stops);
}

export function planCheckText(result: PlanCheckResult): string {
  const { problems, inNoPhase } = result;
  const hazards = firstOfEach(result.hazards);
  const open = hazards.filter((h) => h.rank !== 'note' && h.acceptedBecause === null);
  const lifted = hazards.filter((h) => h.acceptedBecause !== null);
  const notes = hazards.filter((h) => h.rank === 'note');
  const count = (n: number, one: string, many?: string) => (n === 0 ? [] : [plural(n, one, many)]);
  const counts = [
    plural(problems.length, 'problem'),
    ...(problems.length > 0 ? [] : [plural(open.length, 'hazard')]),
    ...count(lifted.length, 'accepted', 'accepted'),
    ...count(notes.length, 'note'),
    ...count(inNoPhase.length, 'integer key in no phase', 'integer keys in no phase'),
  ];
  const parts = [`plan ${result.plan}: ${counts.join(', ')}\n  ${checkedText(result)}`];
  const add = (title: string, text: string) => parts.push(`${heading(title)}\n${text}`);
  if (problems.length) add('Problems', problems.map(problemText).join('\n\n'));
  for (const phase of new Set(open.map((h) => h.phase)))
    add(
      `Hazards of ${phase}: it does not start with them`,
      hazardsText(open.filter((h) => h.phase === phase)),
    );
  if (lifted.length)
    add('Accepted by the plan', columns(lifted.map((h) => [h.hazard, h.on, `because ${h.acceptedBecause}`])));
  if (inNoPhase.length)
    add(
      'Integer keys in no phase: they stay integers',
      columns(inNoPhase.map((k) => [formatColumn(k), k.type])),
    );
  if (notes.length)
    add('Notes: good to know; nothing has to be done for a phase to go on', hazardsText(notes));
  return `${parts.join('\n\n')}\n`;
}

/** What stands in the way of several phases is told of at the first of them. */
function firstOfEach(hazards: PlanCheckResult['hazards']): PlanCheckResult['hazards'] {
  const seen = new Set<string>();
  return hazards.filter((h) => {
    const key = JSON.stringify([h.rank, h.hazard, h.on, h.message, h.acceptedBecause]);
    return seen.has(key) ? false : seen.add(key);
  });
}

function checkedText({ database, problems }: PlanCheckResult): string {
  if (database === null)
    return problems.length > 0
      ? 'checked by itself only: against a database once it loads'
      : 'checked by itself; --connection NAME checks it against a database';
  const more = problems.length > 0 ? '; hazards are looked for once these are solved' : '';
  return `checked against the database ${database}${more}`;
}
