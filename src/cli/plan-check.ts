import type { Command } from 'commander';
import { type Hazard, RekeyError } from '../errors.js';
import { checkPlanAgainst } from '../plan/check-catalog.js';
import { integerKeysInNoPhase } from '../plan/domains.js';
import type { FoundPlan } from '../plan/find.js';
import type { Acceptance } from '../plan/model.js';
import { formatColumn } from '../plan/names.js';
import { PlanErrors } from '../plan/problems.js';
import { once } from '../report/inspection.js';
import { seePhases } from '../report/phase-views.js';
import { keyFactsOf } from '../substitution/key-facts.js';
import { type DatabaseNow, readDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { problemText } from './failure.js';
import { hazardsText } from './inspect.js';
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
    return {
      plan: name,
      file: name,
      database: null,
      problems: problemsOf(error),
      hazards: [],
      inNoPhase: [],
    };
  }
  const now = connection === undefined ? null : await readDatabase(connection, { catalogs: true });
  return checkPlanOn(found, now);
}

/** Pure: what is wrong with a plan that loads, on this database. */
export function checkPlanOn({ plan, file, locate }: FoundPlan, now: DatabaseNow | null): PlanCheckResult {
  const result: PlanCheckResult = {
    plan: plan.plan,
    file,
    database: null,
    problems: [],
    hazards: [],
    inNoPhase: [],
  };
  if (now === null) return result;
  const begun = new Set(now.phases.filter((p) => p.state !== 'rolled-back').map((p) => p.phase));
  const toCome = plan.phases.map((p) => p.phase).filter((phase) => !begun.has(phase));
  const facts = keyFactsOf(now.catalog, now.legacyColumns);
  const errors = checkPlanAgainst(plan, facts, { locate, phases: toCome });
  const isBegun = (phase: string) => begun.has(phase);
  const moved = new Set(
    now.phases.flatMap((p) =>
      isBegun(p.phase) ? seenTables(plan.phases.find((q) => q.phase === p.phase)) : [],
    ),
  );
  return {
    ...result,
    database: now.catalog.database,
    problems: errors ? problemsOf(errors) : [],
    // hazards of a plan that names what is not there would only repeat that
    hazards: errors
      ? []
      : seePhases(plan, now, now.phases).flatMap(({ phase, statements }) =>
          isBegun(phase.phase)
            ? []
            : once(statements.hazards).map((hazard) => ({
                ...hazard,
                phase: phase.phase,
                acceptedBecause: accepted(plan.accept, hazard),
              })),
        ),
    inNoPhase: integerKeysInNoPhase(plan, facts).filter((key) => !moved.has(key.table)),
  };
}

function seenTables(phase: FoundPlan['plan']['phases'][number] | undefined): string[] {
  return phase?.kind === 'tables' ? phase.tables.map((t) => t.table) : [];
}

function accepted(accept: Acceptance[], hazard: Hazard): string | null {
  if (hazard.rank !== 'accept') return null;
  return accept.find((a) => a.hazard === hazard.hazard && a.on === hazard.on)?.because ?? null;
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
  const { problems, hazards, inNoPhase, database } = result;
  const open = hazards.filter((h) => h.acceptedBecause === null);
  const against =
    database === null
      ? 'by itself; --connection NAME checks it against a database'
      : `against the database ${database}`;
  const counts = [
    plural(problems.length, 'problem'),
    ...(database === null ? [] : [plural(open.length, 'hazard')]),
    ...(inNoPhase.length
      ? [plural(inNoPhase.length, 'integer key in no phase', 'integer keys in no phase')]
      : []),
  ];
  const parts = [`plan ${result.plan}: ${counts.join(', ')}\n  checked ${against}`];
  if (problems.length) parts.push(`${heading('Problems')}\n${problems.map(problemText).join('\n\n')}`);
  for (const phase of new Set(open.map((h) => h.phase)))
    parts.push(`${heading(`Hazards of ${phase}`)}\n${hazardsText(open.filter((h) => h.phase === phase))}`);
  const lifted = hazards.filter((h) => h.acceptedBecause !== null);
  if (lifted.length)
    parts.push(
      `${heading('Accepted by the plan')}\n${columns(lifted.map((h) => [h.hazard, h.on, `because ${h.acceptedBecause}`]))}`,
    );
  if (inNoPhase.length)
    parts.push(
      `${heading('Integer keys in no phase: they stay integers')}\n${columns(inNoPhase.map((k) => [formatColumn(k), k.type]))}`,
    );
  return `${parts.join('\n\n')}\n`;
}
