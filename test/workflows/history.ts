import type { WorkflowHandle } from '@temporalio/client';

export interface HistorySize {
  events: number;
  bytes: number;
}

/** What the server counts against its limits of 51,200 events and 50 MB. */
export async function sizeOf(handle: WorkflowHandle): Promise<HistorySize> {
  const { raw } = await handle.describe();
  const info = raw.workflowExecutionInfo;
  return { events: Number(info?.historyLength), bytes: Number(info?.historySizeBytes) };
}

export interface FoundPayload {
  event: string;
  bytes: number;
}

/** Every payload of a history: arguments, results, failures' details, memos; the largest first. */
export async function payloadsOf(handle: WorkflowHandle): Promise<FoundPayload[]> {
  const { events } = await handle.fetchHistory();
  const found: FoundPayload[] = [];
  const walk = (event: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const { data, metadata } = value as { data?: Uint8Array; metadata?: object };
    if (metadata && data) found.push({ event, bytes: data.length });
    else for (const one of Object.values(value)) walk(event, one);
  };
  for (const event of events ?? []) {
    const [kind = ''] = Object.keys(event).filter((key) => key.endsWith('EventAttributes'));
    const said = (event as Record<string, unknown>)[kind] as {
      activityType?: { name: string };
      failure?: object;
    };
    walk(`${kind} ${said?.activityType?.name ?? ''}`.trim(), said);
    walk(`${kind} metadata`, event.userMetadata);
    if (said?.failure) found.push({ event: `${kind} failure`, bytes: JSON.stringify(said.failure).length });
  }
  return found.sort((a, b) => b.bytes - a.bytes);
}
