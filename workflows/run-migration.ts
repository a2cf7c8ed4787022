import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
  TerminatedFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { MigrationBrief } from '../activities/contract.js';
import { badInput, describeFailure } from './failure.js';
import { Migration } from './migration.js';
import { parseMigrationRequest, refuseTimeouts, thisRun } from './request.js';
import type { PhaseResult, runPhase } from './run-phase.js';
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
  try {
    const brief = await call('readMigration', 'asks the journal where the phases are', {
      ...migration.request,
      run: thisRun(),
    });
    migration.show(brief);
    return brief;
  } catch (error) {
    throw failed(error, 'readMigration');
  }
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
  for (;;) {
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
      return await child.result();
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw failed(error, phase.phase);
    }
    // a child of an earlier run of this migration, or of this one before a reset
    const finished = await awaitElsewhere(migration, phase.phase, workflowId);
    if (finished !== 'again') return finished;
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
  const own = owner === `${workflowInfo().workflowId}/${phase}`;
  const request = { ...migration.request, phase, run: thisRun() };
  const wait = () => call('awaitPhase', `waits for ${phase}, open in ${owner}`, request);
  let state: Awaited<ReturnType<typeof wait>>['state'];
  try {
    state = (await wait()).state;
  } catch (error) {
    if (!migration.cancelled || !own)
      throw migration.cancelled ? new CancelledFailure('stopped waiting') : failed(error, phase);
    state = await migration.shield(async () => {
      // a phase of ours: cancelling the migration rolls it back
      await getExternalWorkflowHandle(owner)
        .cancel()
        .catch(() => {});
      return (await wait()).state;
    });
  }
  if (state === 'done') return null;
  if (state === 'rolled-back') {
    return { outcome: 'rolled-back', phase, tables: 0, rows: 0, seconds: 0, longestLockMs: 0, metrics: {} };
  }
  if (migration.cancelled) throw new CancelledFailure('the migration was cancelled');
  return 'again';
}

/** What a phase or the journal could not do, in the words of the workflow that failed. */
function failed(error: unknown, phase: string): Error {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof TerminatedFailure) {
    return ApplicationFailure.create({
      type: 'StepFailed',
      nonRetryable: true,
      message: `the workflow of phase ${phase} was terminated`,
      details: [
        {
          code: 'phase.terminated',
          remedy: 'Start runMigration again to go on, or rollBackPhase to undo the phase.',
          where: phase,
        },
      ],
    });
  }
  if (cause instanceof CancelledFailure) return cause;
  if (cause instanceof ApplicationFailure && cause !== error) {
    const { type, message, details } = cause;
    return ApplicationFailure.create({
      type: type ?? 'StepFailed',
      message,
      details: details ?? [],
      nonRetryable: true,
    });
  }
  const { type, code, message, remedy, where } = describeFailure(phase, error);
  if (type === 'Cancelled') return new CancelledFailure(message);
  if (type === 'BadInput' || type === 'NotOwner') return badInput({ code, message, remedy, where });
  return ApplicationFailure.create({ type, message, nonRetryable: true, details: [{ code, remedy, where }] });
}
