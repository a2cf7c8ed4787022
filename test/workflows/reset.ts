import type { WorkflowHandle } from '@temporalio/client';
import { type Harness, until } from './harness.js';

/** `temporal workflow reset`, and the places to which a test resets. */
export const to = {
  first: ['--type', 'FirstWorkflowTask'],
  last: ['--type', 'LastWorkflowTask'],
  event: (id: number) => ['--event-id', String(id)],
};

/** Resets the newest run, and answers when another one is there. */
export async function resetOf(on: Harness, handle: WorkflowHandle, where: string[]): Promise<WorkflowHandle> {
  const before = (await on.client.workflow.getHandle(handle.workflowId).describe()).runId;
  await on.cli('workflow', 'reset', '--workflow-id', handle.workflowId, ...where, '--reason', 'test');
  const newest = on.client.workflow.getHandle(handle.workflowId);
  await until(
    async () => (await newest.describe()).runId,
    (run) => run !== before,
  );
  return newest;
}

/** The workflow task that was completed last before this signal came. */
export async function taskBefore(handle: WorkflowHandle, signal: string, nth = 1): Promise<number> {
  const { events = [] } = await handle.fetchHistory();
  let task = 0;
  let seen = 0;
  for (const event of events ?? []) {
    if (event.workflowTaskCompletedEventAttributes) task = Number(event.eventId);
    if (event.workflowExecutionSignaledEventAttributes?.signalName === signal) seen += 1;
    if (seen === nth) return task;
  }
  throw new Error(`no ${signal} was sent ${nth} times`);
}

/** The workflow task that asked for this activity. */
export async function taskThatCalled(handle: WorkflowHandle, activity: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  const asked = events?.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
  );
  return Number(asked?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId);
}
