import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  patched,
  sleep,
  startChild,
  TerminatedFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { MigrationBrief, PhaseState } from '../activities/contract.js';
import { badInput, describeFailure, ending } from './failure.js';
import { Migration } from './migration.js';
import { parseMigrationRequest, refuseTimeouts, thisRun } from './request.js';
import type { PhaseResult, runPhase } from './run-phase.js';
import { tellingWhy } from './tell-why.js';
import { call } from './world.js';

/**
 * All phases of a plan in their order, each a child workflow `<this id>/<phase>` that outlives this one. The journal
 * is asked before each: what is finished is skipped, what is open elsewhere is awaited, so that starting it again is
 * the way to go on after anything. Input {plan, connection}.
 */
export async function runMigration(input: unknown): Promise<PhaseResult> {
  const migration = new Migration(parseMigrationRequest(input));
  migration.listen();
  refuseTimeouts();
  return tellingWhy(
    () => allPhases(migration),
    (error) => migration.fails(error),
  );
}

async function allPhases(migration: Migration): Promise<PhaseResult> {
  migration.attributes = await call(
    'registerSearchAttributes',
    'search attributes of the Web UI',
    { run: thisRun() },
    { within: 15_000 },
  ).catch(() => []);
  const results: PhaseResult[] = [];
  for (let at = 0; ; at += 1) {
    const brief = await readJournal(migration);
    const phase = brief.phases[at];
    if (!phase) break;
    if (phase.state === 'done') continue;
    const result = await phaseResult(migration, phase);
    if (result) results.push(result);
    if (result?.outcome === 'rolled-back') return migration.end(result.outcome, results);
    if (migration.cancelled) throw new CancelledFailure('the migration was cancelled between two phases');
  }
  return migration.end('done', results);
}

async function readJournal(migration: Migration): Promise<MigrationBrief> {
  for (;;) {
    try {
      const request = { ...migration.request, run: thisRun() };
      migration.at = 'readMigration';
      const brief = await call('readMigration', 'asks the journal where the phases are', request);
      migration.show(brief);
      return brief;
    } catch (error) {
      await parkOrFail(migration, error, 'readMigration');
    }
  }
}

/** Wrong input and a cancel end the migration; a database that does not answer is waited for. */
async function parkOrFail(migration: Migration, error: unknown, step: string): Promise<void> {
  const failure = describeFailure(step, error);
  if (migration.cancelled || ['BadInput', 'NotOwner', 'Cancelled'].includes(failure.type))
    throw failed(error, step);
  await migration.park({ ...failure, remedy: failure.remedy });
}

/** Runs a phase or waits for it; null where it was finished by another workflow. */
async function phaseResult(
  migration: Migration,
  phase: MigrationBrief['phases'][number],
): Promise<PhaseResult | null> {
  const workflowId = `${workflowInfo().workflowId}/${phase.phase}`;
  if (phase.state === 'open') {
    const finished = await awaitElsewhere(migration, phase.phase, phase.owner ?? workflowId);
    if (finished !== 'again') return finished;
  }
  for (let tries = 0; ; tries += 1) {
    migration.opens(phase.phase, workflowId);
    try {
      const child = await startChild<typeof runPhase>('runPhase', {
        workflowId,
        args: [{ ...migration.request, phase: phase.phase }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: `${migration.request.plan}: phase ${phase.phase}`,
        staticDetails:
          'One phase of a move from integer to UUID keys. What to type next is in the current details and in the memo.',
      });
      migration.started();
      return await cancellableById(migration, workflowId, child.result());
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw failed(error, phase.phase);
    }
    // a child of an earlier run of this migration, or of this one before a reset
    const finished = await awaitElsewhere(migration, phase.phase, workflowId);
    if (finished !== 'again') return finished;
    // it is open but the journal does not know it yet, or no longer: not in a tight loop
    await sleep(Math.min(60_000, 1000 * 2 ** tries), { summary: `asks again where ${phase.phase} is` });
  }
}

/** A reset gives a phase a new run. The cancel of a child goes to the run that was started, and would not reach it. */
async function cancellableById<T>(migration: Migration, workflowId: string, result: Promise<T>): Promise<T> {
  let over = false;
  CancellationScope.current().cancelRequested.catch(() => {
    if (over || !patched('cancel-by-id')) return;
    void migration.shield(() =>
      getExternalWorkflowHandle(workflowId)
        .cancel()
        .catch(() => {
          // closed in the meantime, or asked already
        }),
    );
  });
  try {
    return await result;
  } finally {
    over = true;
  }
}

/** 'again' where it was closed without an end: its next run goes on where it stopped. */
async function awaitElsewhere(
  migration: Migration,
  phase: string,
  owner: string,
): Promise<PhaseResult | null | 'again'> {
  migration.opens(phase, owner);
  migration.started();
  const state = await stateOnceClosed(migration, phase, owner);
  if (state === 'done') return null;
  if (state === 'rolled-back') {
    return { outcome: 'rolled-back', phase, tables: 0, rows: 0, seconds: 0, longestLockMs: 0, metrics: {} };
  }
  if (migration.cancelled) throw new CancelledFailure('the migration was cancelled');
  return 'again';
}

/** A cancel rolls back a phase of this migration, which it then waits for; a phase of somebody else's it leaves alone. */
async function stateOnceClosed(migration: Migration, phase: string, owner: string): Promise<PhaseState> {
  const request = { ...migration.request, phase, run: thisRun() };
  migration.at = 'awaitPhase';
  const wait = () => call('awaitPhase', `waits for ${phase}, open in ${owner}`, request);
  for (;;) {
    try {
      return (await wait()).state;
    } catch (error) {
      if (!migration.cancelled) {
        await parkOrFail(migration, error, 'awaitPhase');
        continue;
      }
      if (owner !== `${workflowInfo().workflowId}/${phase}`)
        throw new CancelledFailure('the migration was cancelled');
      return migration.shield(async () => {
        await getExternalWorkflowHandle(owner)
          .cancel()
          .catch(() => {
            // closed in the meantime: the journal says how
          });
        return (await wait()).state;
      });
    }
  }
}

/** What a phase or the journal could not do, in the words of the workflow that failed. */
function failed(error: unknown, phase: string): Error {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof TerminatedFailure) {
    return ending('StepFailed', {
      code: 'phase.terminated',
      message: `the workflow of phase ${phase} was terminated`,
      remedy: 'Start runMigration again to go on, or rollBackPhase to undo the phase.',
      where: phase,
    });
  }
  if (cause instanceof CancelledFailure) return cause;
  const { type, code, message, remedy, where } = describeFailure(phase, cause);
  if (type === 'Cancelled') return new CancelledFailure(message);
  // a phase has ended in its own way; what the journal refused was wrong input of the migration
  const isOfPhase = cause !== error;
  const refused = !isOfPhase && (type === 'BadInput' || type === 'NotOwner');
  return refused
    ? badInput({ code, message, remedy, where })
    : ending(type, { code, message, remedy, where });
}
