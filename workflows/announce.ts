import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  setCurrentDetails,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Status } from '../src/decisions/status.js';
import { dueAgain, fewTables } from '../src/decisions/tell-rows.js';
import { detailsOf } from './details.js';
import type { Run } from './run.js';
import { nextCommands, statusOf } from './status.js';

const shown = new WeakMap<object, { attributes: string; state: string; memo: string }>();

/**
 * Makes one change of state visible to whoever has no query: memo, search attributes, current details, the parent.
 * Each costs an event of the history, so what has not changed is not written again.
 */
export function announce(run: Run): void {
  run.learned();
  const status = statusOf(run);
  const before = shown.get(run) ?? { attributes: '', state: '', memo: '' };
  const details = detailsOf(status, nextCommands(run));
  setCurrentDetails(details);
  // of 1,000 tables the query tells, a memo is an event of the history each time
  const inMemo = { ...status, progress: fewTables(status.progress) };
  // asOf alone is no change
  const memo = JSON.stringify({ ...inMemo, asOf: null });
  const isNew = memo !== before.memo;
  if (isNew) upsertMemo({ status: inMemo });
  const attributes = showAttributes(run.attributes, status, before.attributes);
  const state = [
    status.state,
    status.step,
    status.checkpoint?.opening,
    status.failure?.code,
    status.checkpoint?.approvals.length,
  ].join('/');
  if (state !== before.state || (isNew && rowsAreDue(run))) tellParent(run, status, details);
  shown.set(run, { attributes, state, memo });
}

/** While map runs the parent is told of rows, too, now and then. */
function rowsAreDue(run: Run): boolean {
  const every = run.brief?.tellEvery;
  const now = Date.now();
  if (every === undefined || run.state !== 'running' || run.step !== 'map' || run.progress.length === 0)
    return false;
  if (run.toldRows !== null && !dueAgain(run.toldRows, now, every)) return false;
  run.toldRows = { first: run.toldRows?.first ?? now, last: now };
  return true;
}

/** Upserts those of RekeyPlan, RekeyPhase, RekeyState that exist: one that does not would fail the task for ever. */
export function showAttributes(
  existing: string[],
  status: Pick<Status, 'plan' | 'phase' | 'state'>,
  before: string,
): string {
  const values = { RekeyPlan: status.plan, RekeyPhase: status.phase, RekeyState: status.state };
  const pairs: SearchAttributeUpdatePair[] = Object.entries(values)
    .filter(([name]) => existing.includes(name))
    .map(([name, value]) => ({ key: defineSearchAttributeKey(name, 'KEYWORD'), value }));
  const text = JSON.stringify(pairs);
  if (pairs.length > 0 && text !== before) upsertSearchAttributes(pairs);
  return text;
}

function tellParent(run: Run, status: Status, details: string): void {
  const { parent } = workflowInfo();
  if (!parent) return;
  const { notes, progress, ...short } = status;
  const told = { status: { ...short, notes: notes.slice(-3), progress: fewTables(progress) }, details };
  // by id alone: a parent that was started again under the same id shows its phases, too
  run.toParent.sendInstead(() =>
    getExternalWorkflowHandle(parent.workflowId)
      .signal('phaseChanged', told)
      .catch(() => {
        // the parent is closed or gone; the phase goes on without it
      }),
  );
}
