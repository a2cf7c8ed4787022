import { quoteIdent, tableId } from '../src/catalog/quote.js';
import { readCatalog } from '../src/catalog/read.js';
import { type CountedOn, columnsGone } from '../src/checks/hazards/columns-gone.js';
import { legacyInUse, legacyStoodOn } from '../src/checks/hazards/legacy-in-use.js';
import { RekeyError } from '../src/errors.js';
import { allKinds } from '../src/kinds/all.js';
import { checkIndexStatement } from '../src/plan/index-statement.js';
import type { ColumnRef, TableId } from '../src/plan/model.js';
import { writeFinding } from '../src/postgres/findings.js';
import { newestOpening } from '../src/postgres/gates.js';
import { runStatement, writeJournal } from '../src/postgres/journal.js';
import { setMemberState } from '../src/postgres/members.js';
import { readPhases } from '../src/postgres/phases.js';
import { dropLegacyWork, type FinishedPhase, tablesOf } from '../src/substitution/cleanup.js';
import { dropRedundantWork } from '../src/substitution/redundant.js';
import type { Attempt } from './attempt.js';
import { takePhaseBackup } from './backup.js';
import { hasDropped } from './brief.js';
import type { PhaseRef, StepResult } from './contract.js';
import { hazardsStop } from './look.js';
import { catalogOf, legacyColumnsOf, planOf } from './phase-documents.js';
import { buildPhase, cleanupOf, journalStep, type StepWork, withStep } from './phase-work.js';
import { runAll, sqlTable, Tally } from './run-work.js';
import { userSearchPath } from './search-path.js';
import { Throttle } from './throttle.js';

/**
 * From the first statement on there is no way back: legacy columns and objects, sync triggers and redundant columns go.
 * Locks: ACCESS EXCLUSIVE, a table at a time, under the budget; catalog changes only.
 */
export function dropLegacy(
  input: PhaseRef & { opening?: number | null },
  attempt: Attempt,
): Promise<StepResult> {
  return withStep('dropLegacy', input, attempt, async (work) => {
    const cleanup = cleanupOf(work);
    const finished = await finishedPhases(work);
    if (!(await hasDropped(work.session, input.phase))) {
      await assertApproved(work, input.opening ?? null);
      await assertUnused(work, finished, tablesOf(finished.map((f) => f.view)));
    }
    const tally = new Tally();
    const dropped = await droppedByOthers(work, finished);
    await runAll(work, dropLegacyWork(finished, dropped), tally, async ({ locks }) => {
      if (typeof locks === 'object') await assertUnused(work, finished, locks.tables);
    });
    await runAll(
      work,
      dropRedundantWork(cleanup.redundant, await readCatalog(work.session.query, allKinds)),
      tally,
    );
    // all at once: a second try has to find the phases as they were
    await work.session.transaction(async () => {
      for (const { view } of finished) await setMemberState(work.session, view.substitution.phase, 'cleaned');
    });
    await journalStep(work, tally.result());
    return tally.result();
  });
}

/** Before the first drop, as an approval may be days old, and of each table under the locks of its own. */
async function assertUnused(work: StepWork, finished: FinishedPhase[], tables: TableId[]): Promise<void> {
  const columns = countedOn(finished).filter(({ table }) => tables.includes(table));
  const legacy = finished
    .flatMap(({ view }) => view.substitution.members)
    .flatMap((m) =>
      m.legacy !== null && tables.includes(m.table) ? [{ table: m.table, column: m.legacy }] : [],
    );
  const hazards = [
    ...(await columnsGone(work.session, columns)).renamed,
    ...(await legacyInUse(work.session, legacy)),
    ...(await legacyStoodOn(
      work.session,
      legacy,
      finished.flatMap(({ statements }) => statements.made),
    )),
  ];
  if (hazards.length) throw hazardsStop(hazards);
}

/** Legacy columns, and keys: they get a default. What a reference is called now is nothing to cleanup. */
function countedOn(finished: FinishedPhase[]): CountedOn[] {
  return finished.flatMap(({ view }) =>
    view.substitution.members.flatMap((m) => {
      const table = view.catalog.tables.find(({ id }) => id === m.table);
      const num = table?.columns.find(({ name }) => name === m.before)?.num ?? null;
      const of = { table: m.table, oid: table?.oid ?? 0 };
      const isKey = m.role === 'key' || m.role === 'surrogate';
      return [
        ...(m.legacy === null ? [] : [{ ...of, column: m.legacy, num, isKey: false }]),
        { ...of, column: m.after, num: null, isKey },
      ];
    }),
  );
}

/** Noted, as the operator approved the drop of something else. What cleanup itself has dropped is not others' doing. */
async function droppedByOthers(work: StepWork, finished: FinishedPhase[]): Promise<ColumnRef[]> {
  const { dropped } = await columnsGone(work.session, countedOn(finished));
  if (dropped.length && !(await hasDropped(work.session, work.ref.phase)))
    await writeJournal(work.session, work.scope, {
      kind: 'note',
      object: 'columns that others have dropped',
      detail: { goesOnWithout: dropped.map(({ table, column }) => `${table}.${column}`) },
    });
  return dropped;
}

async function assertApproved(work: StepWork, opening: number | null): Promise<void> {
  const newest = await newestOpening(work.session, work.ref.phase, 'before-drop');
  if (opening !== null && newest?.opening === opening && newest.closedAt === null) return;
  throw new RekeyError('StepFailed', {
    code: 'gate.not-open',
    message: `opening ${opening ?? 'none'} of before-drop is not the newest, or is closed`,
    remedy: 'Approve the newest opening of before-drop: nothing is dropped without it.',
  });
}

async function finishedPhases(work: StepWork): Promise<FinishedPhase[]> {
  const rows = (await readPhases(work.session)).filter((r) => r.kind === 'tables' && r.state === 'done');
  const finished: FinishedPhase[] = [];
  for (const row of rows) {
    const { plan, phase } = await planOf(work.session, row);
    if (phase.kind !== 'tables') continue;
    const catalog = await catalogOf(work.session, row);
    finished.push(buildPhase(plan, phase, catalog, await legacyColumnsOf(work.session, row.phase)));
  }
  return finished;
}

/** The indexes that the plan asks for, CONCURRENTLY, each when the throttle lets it. */
export function buildIndexes(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('buildIndexes', ref, attempt, async (work) => {
    const tally = new Tally();
    const throttle = new Throttle(work, work.plan.map.pauseWhen);
    await userSearchPath(work.session);
    for (const text of cleanupOf(work).indexes) {
      work.heartbeat({ doing: text.slice(0, 100) });
      const name = checkIndexStatement(text).name as string;
      const object = `index ${name}`;
      const state = await indexState(work, name);
      if (state === 'valid') continue;
      await throttle.whileHeld(object);
      await work.session.execute('set lock_timeout = 0');
      if (state === 'broken')
        await runStatement(work.session, work.scope, {
          object,
          text: `drop index concurrently ${quoteIdent(name)}`,
        });
      await runStatement(work.session, work.scope, { object, text }, await work.watch());
      tally.ran(0);
    }
    await journalStep(work, tally.result());
    return tally.result();
  });
}

async function indexState(work: StepWork, name: string): Promise<'valid' | 'broken' | 'missing'> {
  const [row] = await work.session.query<{ valid: boolean }>(
    'select i.indisvalid and i.indisready as valid from pg_catalog.pg_index i where i.indexrelid = pg_catalog.to_regclass($1)',
    [quoteIdent(name)],
  );
  return row === undefined ? 'missing' : row.valid ? 'valid' : 'broken';
}

/** Analyzes what was moved, and notes what has bloated or is not used: for the operator, nothing is changed. */
export function analyzeTables(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('analyzeTables', ref, attempt, async (work) => {
    const tally = new Tally();
    const tables = await thatStand(work, tablesOf((await finishedPhases(work)).map((p) => p.view)));
    for (const table of tables) {
      work.heartbeat({ doing: `analyze ${table}` });
      await work.session.execute('set lock_timeout = 0');
      await runStatement(work.session, work.scope, { object: table, text: `analyze ${sqlTable(table)}` });
      tally.ran(0);
    }
    await noteWaste(work, tables.map(sqlTable));
    await journalStep(work, tally.result());
    return tally.result();
  });
}

async function thatStand(work: StepWork, tables: TableId[]): Promise<TableId[]> {
  const rows = await work.session.query<{ at: number }>(
    `select t.at::int4 as at from pg_catalog.unnest($1::text[]) with ordinality t(name, at)
     where pg_catalog.to_regclass(t.name) is not null order by t.at`,
    [tables.map(sqlTable)],
  );
  return rows.map(({ at }) => tables[at - 1] as TableId);
}

async function noteWaste(work: StepWork, tables: string[]): Promise<void> {
  const bloated = await work.session.query<{ table: string; dead: number }>(
    `select s.relid::regclass::text as "table", s.n_dead_tup::float8 as dead from pg_catalog.pg_stat_all_tables s
     where s.relid = any ($1::regclass[]::oid[]) and s.n_dead_tup > 1000 and s.n_dead_tup > 0.2 * s.n_live_tup order by 2 desc`,
    [tables],
  );
  const unused = await work.session.query<{ index: string; name: string }>(
    `select s.indexrelid::regclass::text as index, s.indexrelname as name from pg_catalog.pg_stat_all_indexes s
     join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
     where s.relid = any ($1::regclass[]::oid[]) and s.idx_scan = 0 and not i.indisunique order by 1`,
    [tables],
  );
  const finding = { phase: work.ref.phase, step: work.step };
  for (const { table, dead } of bloated)
    await writeFinding(work.session, {
      ...finding,
      check: 'dead rows, until the table is vacuumed',
      object: table,
      count: dead,
      example: { vacuum: table },
    });
  // what was built this minute has been scanned by nobody
  const own = cleanupOf(work).indexes.map((text) => checkIndexStatement(text).name);
  const old = unused.filter(({ name }) => !own.includes(name));
  for (const { index } of old)
    await writeFinding(work.session, {
      ...finding,
      check: 'not scanned since it was built: look again in some weeks',
      object: index,
      count: 0,
      example: null,
    });
}

/** Where the plan archives the mapping: into a backup of its own, read back, and out of the database. */
export function archiveMapping(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('archiveMapping', ref, attempt, async (work) => {
    const tally = new Tally();
    if (cleanupOf(work).mapping === 'archive') {
      const { rows } = await work.session.one<{ rows: number }>(
        'select pg_catalog.count(*)::float8 as rows from rekey.uuid_migration_mapping',
      );
      if (rows > 0) {
        const partitions = await work.session.query<{ name: string }>(
          `select c.relname as name from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
           where i.inhparent = 'rekey.uuid_migration_mapping'::regclass order by 1`,
        );
        await takePhaseBackup(work, `${ref.phase}-mapping`, {
          scope: 'tables',
          tables: partitions.map((p) => tableId('rekey', p.name)),
        });
        await runStatement(work.session, work.scope, {
          object: 'mapping',
          text: 'truncate rekey.uuid_migration_mapping',
        });
        tally.ran(rows);
      }
    }
    await journalStep(work, tally.result());
    return tally.result();
  });
}
