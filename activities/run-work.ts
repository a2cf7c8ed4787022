import type { Work } from '../src/catalog/kind.js';
import { isBrokenIndex, isSeen } from '../src/catalog/observe.js';
import { quoteIdent, quoteTable, splitTableId } from '../src/catalog/quote.js';
import type { TableId } from '../src/plan/model.js';
import { runStatement } from '../src/postgres/journal.js';
import { withLocks } from '../src/postgres/lock-budget.js';
import type { StepResult } from './contract.js';
import type { StepWork } from './phase-work.js';
import { asClientsSee } from './search-path.js';

/** What the statements under a lock may take each, ms: they change catalogs only. */
const underLocks = 5_000;

export class Tally {
  statements = 0;
  rows = 0;
  longestLockMs = 0;
  tries = 0;
  already = true;
  private readonly started = performance.now();

  locks(had: { tries: number; waitedMs: number; heldMs: number }): void {
    this.tries = Math.max(this.tries, had.tries);
    this.longestLockMs = Math.max(this.longestLockMs, Math.round(had.waitedMs + had.heldMs));
  }

  ran(rows: number): void {
    this.already = false;
    this.statements += 1;
    this.rows += rows;
  }

  result(): StepResult {
    const { already, statements, rows, longestLockMs, tries } = this;
    return {
      already,
      statements,
      rows,
      seconds: (performance.now() - this.started) / 1000,
      longestLockMs,
      tries,
    };
  }
}

/** Looks once more when a piece of work has its locks, and nobody can change its tables any more. */
export type UnderItsLocks = (one: Work) => Promise<void>;

/** Waits until an index may be built: one is as much as a table's map, and can't be held half-way. */
export type BeforeIndex = (object: string) => Promise<void>;

/** Runs work in order; what is seen to be done is left alone. Locks: as each piece of work says, under the phase's budget. */
export async function runAll(
  work: StepWork,
  list: Work[],
  tally = new Tally(),
  underItsLocks: UnderItsLocks = async () => undefined,
  beforeIndex: BeforeIndex = async () => undefined,
): Promise<Tally> {
  for (const [at, one] of list.entries()) {
    work.heartbeat({ doing: one.object, done: at, of: list.length });
    if (await isDone(work, one)) continue;
    if (one.done?.see === 'index' && one.done.present) await beforeIndex(one.object);
    await runOne(work, one, tally, underItsLocks);
  }
  return tally;
}

async function isDone(work: StepWork, one: Work): Promise<boolean> {
  if (one.done && (await isSeen(work.session.query, one.done))) return true;
  return one.unless !== undefined && (await isSeen(work.session.query, one.unless));
}

async function runOne(work: StepWork, one: Work, tally: Tally, underItsLocks: UnderItsLocks): Promise<void> {
  const { session, scope } = work;
  const statement = { object: one.object, text: one.text };
  if (typeof one.locks === 'string') {
    // these wait behind nobody's queue; how long is the throttle's and the operator's business
    await session.execute('set lock_timeout = 0');
    if (one.done?.see === 'index' && one.done.present) await dropBroken(work, one.done, tally);
    const { count } = one.firesTriggers
      ? await session.transaction(async () => {
          await session.execute(asClientsSee.join('; '));
          return runStatement(session, scope, statement);
        })
      : await runStatement(session, scope, statement, await work.watch());
    tally.ran(count);
    return;
  }
  const had = await withLocks(
    session,
    {
      tables: one.locks.tables.map(sqlTable),
      mode: one.locks.mode,
      budget: work.plan.locks,
      statementTimeout: underLocks,
      journal: { ...scope, object: one.object },
      onWait: (state) => work.heartbeat({ doing: one.object, waits: state.because, tries: state.tries }),
    },
    async () => {
      await underItsLocks(one);
      return runStatement(session, scope, statement);
    },
  );
  tally.locks(had);
  tally.ran(had.value.count);
}

/** An index that an interrupted build left behind is not valid, and its name is taken. */
async function dropBroken(
  work: StepWork,
  index: { schema: string; name: string },
  tally: Tally,
): Promise<void> {
  if (!(await isBrokenIndex(work.session.query, index.schema, index.name))) return;
  await runStatement(work.session, work.scope, {
    object: `index ${index.name}`,
    text: `drop index concurrently if exists ${quoteIdent(index.schema)}.${quoteIdent(index.name)}`,
  });
  tally.ran(0);
}

export function sqlTable(id: TableId): string {
  const { schema, name } = splitTableId(id) ?? { schema: 'public', name: id };
  return quoteTable(schema, name);
}
