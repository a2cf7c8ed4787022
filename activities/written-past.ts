import { memberChecks } from '../src/checks/validation/members.js';
import { runTableChecks } from '../src/checks/validation/run-table.js';
import { RekeyError } from '../src/errors.js';
import type { TableId } from '../src/plan/model.js';
import { writeJournal } from '../src/postgres/journal.js';
import { forwardTriggers, type Mend, mends, standingTriggers } from '../src/substitution/written-past.js';
import { keepFinding } from './keep-finding.js';
import { mayBeReplica } from './map.js';
import { batchOf } from './map-ranges.js';
import { Pace } from './map-stretch.js';
import type { PhaseWork } from './phase-work.js';
import { runAll, type Tally } from './run-work.js';
import { asClientsSee } from './search-path.js';

/** What validation calls it when a legacy column does not say what its UUID says. */
const differences = new Set(['pairs', 'shadow-missing', 'legacy-key-missing']);

/**
 * Before the way back: sync triggers that somebody has switched off or dropped stand again, and what was written past
 * them is put right, as UUIDs say it. A look at all rows, as validation's; what it finds is in `rekey.finding`. Locks:
 * SHARE ROW EXCLUSIVE for a trigger, under the budget; FOR NO KEY UPDATE on the rows of one batch.
 */
export async function mendWrittenPast(work: PhaseWork, tally: Tally): Promise<void> {
  await standTriggers(work, tally);
  const all = mends(work.view);
  for (const table of work.view.substitution.tables) {
    const mine = all.filter((mend) => mend.table === table);
    if (mine.length === 0) continue;
    let stale = await staleOf(work, mine, 'first');
    let rows = 0;
    for (const wait of [false, true]) {
      if (stale.length === 0) break;
      for (const mend of stale) rows += await pass(work, mend, wait);
      stale = await staleOf(work, mine, 'again');
    }
    if (rows > 0)
      await writeJournal(work.session, work.scope, {
        kind: 'note',
        object: table,
        rows,
        detail: {
          writtenPast: 'rows were written past the sync trigger; their legacy columns are as their UUIDs say',
        },
      });
    const [left] = stale;
    if (left) throw writtenPast(left.on, work.ref.phase);
  }
}

async function standTriggers(work: PhaseWork, tally: Tally): Promise<void> {
  for (const { table, name, create, enable } of standingTriggers(work.view)) {
    const state = await triggerState(work, table, name);
    if (state === 'gone') await runAll(work, create, tally);
    if (state === 'off') await runAll(work, [enable], tally);
  }
}

/**
 * Under the locks of the cutover: validation has seen right rows, and what was written past a trigger since is not among
 * them. Throws SchemaMoved; a retry validates again.
 */
export async function assertNothingGoesPast(work: PhaseWork): Promise<void> {
  for (const { table, name } of forwardTriggers(work.view)) {
    const state = await triggerState(work, table, name);
    if (state === 'on') continue;
    throw new RekeyError('SchemaMoved', {
      code: 'schema.moved',
      message: `the schema was changed since preflight: the sync trigger ${name} on ${table} is ${state === 'off' ? 'switched off' : 'gone'}`,
      remedy: `${state === 'off' ? 'rekey doctor prints the command that switches it on again: then resolve with retry, which validates all rows.' : 'Roll the phase back and start it again.'}`,
      where: work.ref.phase,
    });
  }
}

/** Under the locks of the swap back nobody can switch one off any more. Throws Transient: the next try puts it right. */
export async function assertTriggersStand(work: PhaseWork): Promise<void> {
  for (const { table, name } of standingTriggers(work.view)) {
    if ((await triggerState(work, table, name)) === 'on') continue;
    throw new RekeyError('Transient', {
      code: 'swap-back.trigger-off',
      message: `somebody has switched off or dropped the sync trigger of ${table}`,
      remedy: 'Nothing: the next try puts it back, and what was written past it right.',
      where: table,
    });
  }
}

async function triggerState(work: PhaseWork, table: TableId, name: string): Promise<'on' | 'off' | 'gone'> {
  const [row] = await work.session.query<{ on: boolean }>(
    `select g.tgenabled = 'A' as on from pg_catalog.pg_trigger g
     where g.tgrelid = $1::regclass and g.tgname = $2 and not g.tgisinternal`,
    [work.view.sqlTable(table), name],
  );
  return row === undefined ? 'gone' : row.on ? 'on' : 'off';
}

/** Which members of one table differ, by the checks that validation makes after the cutover. */
async function staleOf(work: PhaseWork, mine: Mend[], look: 'first' | 'again'): Promise<Mend[]> {
  const { view } = work;
  const { table } = mine[0] as Mend;
  const checks = memberChecks(view, table, 'after-swap');
  const found = await runTableChecks(work.session, view, checks, 'after-swap', {
    heartbeat: () => work.heartbeat({ doing: `compares ${table}` }),
    // examples of the rows as they were
    ...(look === 'again' ? {} : { onFinding: (finding) => keepFinding(work, finding) }),
  });
  return mine.filter(({ on }) =>
    found.some(({ check, count }) => count > 0 && check.on === on && differences.has(check.check)),
  );
}

/** Over the blocks that are there now, once. */
async function pass(work: PhaseWork, mend: Mend, wait: boolean): Promise<number> {
  const { session, view } = work;
  const replica = await mayBeReplica(work);
  const pace = new Pace(batchOf(work, mend.table));
  const { blocks } = await session.one<{ blocks: number }>(
    `select (pg_catalog.pg_relation_size($1::regclass) / pg_catalog.current_setting('block_size')::int8)::float8 as blocks`,
    [view.sqlTable(mend.table)],
  );
  const settings = [
    `set local lock_timeout = '1s'`,
    ...(replica ? ['set local session_replication_role = replica'] : []),
    ...asClientsSee,
  ].join('; ');
  let rows = 0;
  for (let from = 0; from < blocks; ) {
    work.heartbeat({ doing: `puts ${mend.on} right`, block: from, of: blocks });
    const to = Math.min(blocks, from + pace.blocksOf(null));
    const began = performance.now();
    const { count } = await session.transaction(async () => {
      await session.execute(settings);
      return session.execute(wait ? mend.waiting : mend.batch, [from, to]);
    });
    pace.took(null, to - from, count, performance.now() - began, 0);
    rows += count;
    from = to;
  }
  return rows;
}

function writtenPast(on: string, phase: string): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'swap-back.written-past',
    message: `rows were written past the sync trigger, and ${on} has some whose integer can't be found`,
    remedy: `rekey findings has examples of ${phase}: mend those rows (set the legacy column to null, and the trigger computes it), then resolve swapKeysBack with retry.`,
    where: on,
  });
}
