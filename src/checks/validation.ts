import type { AnyKind } from '../catalog/kind.js';
import type { Catalog } from '../catalog/model.js';
import { isSeen } from '../catalog/observe.js';
import { readCatalog } from '../catalog/read.js';
import { syncTrigger } from '../substitution/names.js';
import {
  type PhaseStatements,
  standsOnUnique,
  statementsOf,
  touchedObjects,
} from '../substitution/statements.js';
import { surrogateObjects } from '../substitution/surrogate-objects.js';
import type { PhaseView } from '../substitution/view.js';
import { compareCatalog, type Expected, isFailure } from './catalog-comparison.js';
import type { Database } from './database.js';
import { checkMapping } from './validation/mapping.js';
import { memberChecks, type Side } from './validation/members.js';
import { orphanChecks } from './validation/orphans.js';
import { type RunOptions, runTableChecks } from './validation/run-table.js';
import { TableChecks } from './validation/table-checks.js';

/** Where the phase stands: before its cutover with all twins built, after it, or rolled back with no trace left. */
export type ValidatedMoment = Side | 'after-rollback';

export interface Failure {
  check: string;
  on: string;
  count: number;
  reason: 'validation' | 'critical-check' | 'probe' | 'check';
}

export interface Validated {
  /** how many checks were made */
  checks: number;
  failures: Failure[];
  /** no failures: mapping rows without a live row, references with a hole until the next sweep, objects that others added */
  counts: { deletedOwners: number; holes: number; added: number };
  /** after a rollback: tables and columns of the phase that are not there any more, so that nothing is compared with them */
  notThere: string[];
  seconds: number;
}

/**
 * DESIGN section 8, items 1 to 3. `view` is made of the catalog that preflight stored, whatever the moment. Names and counts
 * only; examples go to `options.onFinding`. Locks: ACCESS SHARE; writes nothing but late rows of the mapping.
 */
export async function validate(
  database: Database,
  view: PhaseView,
  kinds: AnyKind[],
  moment: ValidatedMoment,
  options: RunOptions = {},
): Promise<Validated> {
  const began = performance.now();
  const result: Validated = {
    checks: 0,
    failures: [],
    counts: { deletedOwners: 0, holes: 0, added: 0 },
    notThere: [],
    seconds: 0,
  };
  const now = await validateObjects(database, view, kinds, moment, result, options);
  for (const table of view.substitution.tables)
    await validateTable(database, view, table, moment, result, options, isThereIn(now));
  if (moment !== 'after-rollback') await validateMapping(database, view, moment, result, options);
  else result.notThere = notThereIn(view, now);
  result.seconds = Math.round(performance.now() - began) / 1000;
  return result;
}

async function validateTable(
  database: Database,
  view: PhaseView,
  table: string,
  moment: ValidatedMoment,
  result: Validated,
  options: RunOptions,
  isThere: (table: string, column: string) => boolean,
): Promise<void> {
  const side = moment === 'after-swap' ? 'after-swap' : 'before-swap';
  const checks = moment === 'after-rollback' ? new TableChecks(view, table) : memberChecks(view, table, side);
  // what others have dropped since can't be compared: `object-not-restored` tells of it where it was not they
  const compared = moment === 'after-rollback' ? isThere : () => true;
  orphanChecks(view, table, side, checks, compared);
  for (const { check, count } of await runTableChecks(database, view, checks, side, options)) {
    if (check.metric) result.counts.holes += count;
    else tell(result, check.check, check.on, count);
  }
}

function isThereIn({ tables }: Catalog): (table: string, column: string) => boolean {
  const columns = new Set(tables.flatMap((t) => t.columns.map((c) => JSON.stringify([t.id, c.name]))));
  return (table, column) => columns.has(JSON.stringify([table, column]));
}

/** A table, or of one that is there a column whose values the phase moved; named as the fingerprint names them. */
function notThereIn({ substitution }: PhaseView, now: Catalog): string[] {
  const tables = new Set(now.tables.map((t) => t.id));
  const isThere = isThereIn(now);
  return substitution.tables.flatMap((table) => {
    if (!tables.has(table)) return [`table ${table}`];
    const moved = substitution.members.filter((m) => m.table === table).map((m) => m.before);
    return [...new Set(moved)].flatMap((column) =>
      column !== null && !isThere(table, column) ? [`column ${column} on ${table}`] : [],
    );
  });
}

async function validateMapping(
  database: Database,
  view: PhaseView,
  side: Side,
  result: Validated,
  options: RunOptions,
): Promise<void> {
  for (const domain of view.substitution.domains) {
    if (domain.source === 'surrogate') continue;
    options.heartbeat?.();
    const counts = await checkMapping(database, view, domain, side, options.onFinding);
    tell(result, 'mapping-unmapped', domain.root, counts.unmapped);
    tell(result, 'mapping-shared', domain.root, counts.shared);
    result.counts.deletedOwners += counts.deleted;
  }
}

async function validateObjects(
  database: Database,
  view: PhaseView,
  kinds: AnyKind[],
  moment: ValidatedMoment,
  result: Validated,
  options: RunOptions,
): Promise<Catalog> {
  const expected: Expected = moment === 'before-swap' ? 'twins' : moment === 'after-swap' ? 'after' : 'same';
  const statements = statementsOf(view, kinds);
  options.heartbeat?.();
  const unbuilt = moment === 'before-swap' && (await lateTwinsAreMissing(database, view, statements));
  const late = new Set(unbuilt ? lateNames(view) : []);
  const now = await readCatalog(database.query, kinds);
  const differences = compareCatalog(view, kinds, now, expected);
  result.checks += view.catalog.objects.filter((o) =>
    o.names.some((c) => view.member(c.table, c.column)),
  ).length;
  for (const difference of differences) {
    if (difference.what === 'missing' && late.has(difference.on)) continue;
    if (!isFailure(view, statements.made, expected, difference)) result.counts.added += 1;
    else {
      const check =
        difference.what === 'missing'
          ? checkName[expected]
          : expected === 'twins'
            ? 'no-twin'
            : 'left-behind';
      result.failures.push({ check, on: difference.on, count: 1, reason: 'validation' });
      await options.onFinding?.({ check, on: difference.on, count: 1, example: null });
    }
  }
  if (moment === 'before-swap') await validateWork(database, statements, unbuilt, result, options);
  if (moment !== 'after-rollback') await validateTriggers(database, view, result, options);
  return now;
}

/** With `twins: late` they come after the approval: all of them are there, or the cutover is still to come to that. */
async function lateTwinsAreMissing(
  database: Database,
  view: PhaseView,
  statements: PhaseStatements,
): Promise<boolean> {
  if (view.phase.twins !== 'late') return false;
  for (const work of statements.buildTwins.up)
    if (work.late && work.done && !(await isSeen(database.query, work.done))) return true;
  return false;
}

function lateNames(view: PhaseView): string[] {
  return [...touchedObjects(view), ...surrogateObjects(view, 'shadow')]
    .filter(standsOnUnique)
    .map((object) => `${object.kind} ${object.table}.${object.name}`);
}

const checkName = { twins: 'twin-missing', after: 'object-changed', same: 'object-not-restored' } as const;

/** All that the cutover will rename is there and valid, under the names that it will use. */
async function validateWork(
  database: Database,
  statements: PhaseStatements,
  unbuilt: boolean,
  result: Validated,
  options: RunOptions,
): Promise<void> {
  const missing = new Set<string>();
  for (const work of statements.buildTwins.up) {
    if (work.done === null || (unbuilt && work.late)) continue;
    options.heartbeat?.();
    const done = await isSeen(database.query, work.done);
    const past = !done && work.unless !== undefined && (await isSeen(database.query, work.unless));
    result.checks += 1;
    if (!done && !past) missing.add(work.object);
  }
  for (const on of missing) tell(result, 'twin-not-ready', on, 1, 0);
}

/** A sync trigger that somebody disabled or dropped leaves shadows behind from then on. */
async function validateTriggers(
  database: Database,
  view: PhaseView,
  result: Validated,
  options: RunOptions,
): Promise<void> {
  options.heartbeat?.();
  for (const table of view.substitution.tables) {
    const [row] = await database.query<{ there: boolean }>(
      `select exists (select from pg_catalog.pg_trigger g join pg_catalog.pg_class c on c.oid = g.tgrelid
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = $2 and g.tgname = $3 and g.tgenabled = 'A') as there`,
      [view.schemaOf(table), view.nameOf(table), syncTrigger(view.substitution.phase)],
    );
    tell(result, 'sync-trigger', table, row?.there ? 0 : 1);
  }
}

function tell(result: Validated, check: string, on: string, count: number, checks = 1): void {
  result.checks += checks;
  if (count > 0) result.failures.push({ check, on, count, reason: 'validation' });
}
