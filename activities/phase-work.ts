import type { Catalog } from '../src/catalog/model.js';
import { RekeyError } from '../src/errors.js';
import { allKinds } from '../src/kinds/all.js';
import type { CleanupPhase, ColumnRef, Phase, Plan, TablesPhase } from '../src/plan/model.js';
import { withStepLock } from '../src/postgres/advisory.js';
import { openSession } from '../src/postgres/connect.js';
import { type JournalScope, journalFailure, writeJournal } from '../src/postgres/journal.js';
import { assertOwner } from '../src/postgres/ownership.js';
import { type PhaseRow, readPhase } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { substitutionOf } from '../src/substitution/domains.js';
import { type PhaseStatements, statementsOf } from '../src/substitution/statements.js';
import { PhaseView } from '../src/substitution/view.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';
import { isExhausted, isExhaustedUntold, remedyOnceGivenUp } from './give-up.js';
import { withNames } from './names-gone.js';
import { catalogOf, legacyColumnsOf, planOf } from './phase-documents.js';
import { Tally } from './run-work.js';

/** What a step works with: one direct connection that holds the step's advisory lock, and the plan as it was stored. */
export interface StepWork extends Attempt {
  ref: PhaseRef;
  step: string;
  session: Session;
  scope: JournalScope;
  plan: Plan;
  phase: Phase;
  record: PhaseRow;
  /** a second session, for looking at the first; closed with the step */
  watch: () => Promise<Session>;
}

/** The same for a phase that moves tables: its substitution, from plan and catalog as stored by preflight. */
export interface PhaseWork extends StepWork {
  phase: TablesPhase;
  catalog: Catalog;
  view: PhaseView;
  statements: PhaseStatements;
}

/**
 * What undoes a step takes the step's own lock: an attempt that was given up for dead, and still waits for its locks on
 * tables, has ended before anything is undone.
 */
const undoes: Record<string, string> = {
  swapKeysBack: 'swapKeys',
  dropTwins: 'buildTwins',
  dropColumns: 'addColumns',
};

/**
 * Runs one step: checks that this run owns the database and that the phase is open, takes the step's advisory lock on the connection that does
 * the work, journals that the step ended or why it failed. `range` tells ranges of one step apart.
 */
export async function withStep<R>(
  step: string,
  ref: PhaseRef,
  attempt: Attempt,
  fn: (work: StepWork) => Promise<R>,
  range?: { table: string; range: number },
): Promise<R> {
  const session = await openSession(ref.connection, `${ref.phase} ${step}`);
  const scope: JournalScope = {
    phase: ref.phase,
    step,
    run: { workflowId: ref.run.workflowId, runId: ref.run.runId },
  };
  let watch: Session | null = null;
  try {
    return await session.cancellable(attempt.signal, async () => {
      try {
        return await withStepLock(
          session,
          { phase: ref.phase, step: undoes[step] ?? step, ...range },
          { onWait: (ms) => attempt.heartbeat({ doing: step, waits: 'for an earlier attempt to end', ms }) },
          async () => {
            const found = await recordOf(session, ref, step);
            return fn({
              ...attempt,
              ...found,
              ref,
              step,
              session,
              scope,
              watch: async () => {
                watch ??= await session.another(`${ref.phase} watch`);
                return watch;
              },
            });
          },
        );
      } catch (error) {
        throw await judged(session, scope, error, attempt);
      }
    });
  } finally {
    await (watch as Session | null)?.close();
    await session.close();
  }
}

/**
 * `withStep` for a phase that moves tables and whose catalog preflight has stored. A range of one asks for no statements:
 * for hundreds of tables making them would take a good part of its slice.
 */
export function withPhase<R>(
  step: string,
  ref: PhaseRef,
  attempt: Attempt,
  fn: (work: PhaseWork) => Promise<R>,
  range?: { table: string; range: number },
): Promise<R> {
  const made = range === undefined ? 'now' : 'when asked';
  return withStep(step, ref, attempt, async (work) => named(await toPhaseWork(work, made), fn), range);
}

/**
 * `withPhase` for what undoes a step. Where preflight has stored no catalog nothing was changed, and a rollback of a phase
 * that was ended that early has nothing to undo.
 */
export function undoPhase(
  step: string,
  ref: PhaseRef,
  attempt: Attempt,
  fn: (work: PhaseWork) => Promise<StepResult>,
): Promise<StepResult> {
  return withStep(step, ref, attempt, async (work) =>
    work.record.catalogDocument === null ? new Tally().result() : named(await toPhaseWork(work), fn),
  );
}

const named = <R>(work: PhaseWork, fn: (work: PhaseWork) => Promise<R>) => withNames(work, () => fn(work));

/** Nothing that the swapped keys stand on may go: the way back swaps them first. */
export function assertSwappedBack(work: PhaseWork): void {
  if (!work.record.cutOver) return;
  throw new RekeyError('StepFailed', {
    code: 'phase.cut-over',
    message: `the keys of ${work.ref.phase} are swapped, so that ${work.step} would break them`,
    remedy: 'Roll the phase back from its newest step: start rollBackPhase, which swaps the keys back first.',
  });
}

/** Statements give twins their names: whoever asks the view for one as well needs them made first, `now`. */
export async function toPhaseWork(
  work: StepWork,
  statements: 'now' | 'when asked' = 'now',
): Promise<PhaseWork> {
  const { plan, phase, record } = work;
  if (phase.kind !== 'tables') throw new Error(`${phase.phase} moves no tables`);
  const catalog = await catalogOf(work.session, record);
  const legacy = await legacyColumnsOf(work.session, phase.phase);
  const view = viewOf(plan, phase, catalog, legacy);
  let made: PhaseStatements | null = statements === 'now' ? statementsOf(view, allKinds) : null;
  return {
    ...work,
    phase,
    catalog,
    view,
    get statements() {
      made ??= statementsOf(view, allKinds);
      return made;
    },
  };
}

/** Plan and catalog give view and statements; pure. */
export function buildPhase(plan: Plan, phase: TablesPhase, catalog: Catalog, legacy: ColumnRef[]) {
  const view = viewOf(plan, phase, catalog, legacy);
  return { view, statements: statementsOf(view, allKinds) };
}

function viewOf(plan: Plan, phase: TablesPhase, catalog: Catalog, legacy: ColumnRef[]): PhaseView {
  return new PhaseView(substitutionOf(plan, phase, catalog, legacy), catalog, phase);
}

export function cleanupOf(work: StepWork): CleanupPhase {
  if (work.phase.kind !== 'cleanup') throw new Error(`${work.phase.phase} is no cleanup`);
  return work.phase;
}

async function recordOf(session: Session, ref: PhaseRef, step: string) {
  await assertOwner(session, ref.run);
  const record = await readPhase(session, ref.phase);
  if (!record || record.planHash !== ref.planHash) {
    throw new RekeyError('BadInput', {
      code: 'phase.unknown',
      message: record
        ? `phase ${ref.phase} was opened with the plan's hash ${record.planHash}, not ${ref.planHash}`
        : `phase ${ref.phase} is not open on this database`,
      remedy: 'Start the phase again, so that it is opened with the plan as it is.',
    });
  }
  if (record.state !== 'open' && !afterTheEnd.has(step)) throw ended(record);
  return { record, ...(await planOf(session, record)) };
}

/**
 * What may be asked of a phase that has ended: a look, and its end, whose answer may have been lost. All else comes from a
 * run that a reset has taken back: it would go forward in a phase that the journal calls rolled back.
 */
const afterTheEnd = new Set(['wayBack', 'closePhase']);

/** Throws NotOwner `phase.ended` where the phase has ended, and otherwise than so. */
export function assertEndsSo(record: PhaseRow, outcome: 'done' | 'rolled-back'): void {
  if (record.state !== 'open' && record.state !== outcome) throw ended(record);
}

function ended({ phase, state }: PhaseRow): RekeyError {
  const isDone = state === 'done';
  return new RekeyError('NotOwner', {
    code: 'phase.ended',
    message: `phase ${phase} is ${isDone ? 'done' : 'rolled back'} already, and this run was taken back to before that`,
    remedy: isDone
      ? 'Nothing is to be done: the phase stays done. To undo it start rollBackPhase.'
      : 'Nothing is to be done: the phase stays rolled back. To move it start runPhase again.',
    where: phase,
  });
}

/** Failures go into the journal with PostgreSQL's own words; too many without progress end the tries. */
async function judged(
  session: Session,
  scope: JournalScope,
  error: unknown,
  attempt: Attempt,
): Promise<unknown> {
  if (attempt.signal.aborted || !(error instanceof RekeyError)) return error;
  if (/^connection\./.test(error.code)) return error;
  const told = await journalFailure(session, scope, error);
  if (!error.retryable) return error;
  const exhausted = told ? await isExhausted(session, scope).catch(() => false) : isExhaustedUntold(attempt);
  if (!exhausted) return error;
  return new RekeyError('StepFailed', {
    ...error.details,
    message: `${error.details.message}, again and again`,
    remedy: remedyOnceGivenUp(error.details.remedy),
  });
}

/** Says in the journal that a step is done: progress, from which failures are counted anew. */
export async function journalStep(work: StepWork, detail: object): Promise<void> {
  await writeJournal(work.session, work.scope, { kind: 'step', object: work.ref.phase, detail });
}
