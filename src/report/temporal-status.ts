import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { MigrationStatus, Status } from '../decisions/status.js';
import { isRefused } from './is-refused.js';

export type MemoStatus = Status & Partial<Pick<MigrationStatus, 'phases'>>;

/** What Temporal says of one workflow; nothing here needs a worker. */
export interface TemporalStatus {
  address: string;
  namespace: string;
  workflowId: string;
  /** why there is no answer, as what "Temporal" is said to do; null where there is one */
  silence: { kind: 'no-answer' | 'other-server' | 'no-namespace'; words: string } | null;
  /** null: nobody here knows, see `silence` */
  answer: {
    /** RUNNING, COMPLETED, FAILED ...; null where it knows no such workflow (any more) */
    state: string | null;
    /** what the workflow itself said last */
    memo: MemoStatus | null;
    pending: { activity: string; attempt: number }[];
    /** how often the workflow's own code has failed where it stands: workers and history do not fit each other */
    failedTasks: number;
    /** processes that poll the task queue rekey; null where that was not to be had */
    workers: number | null;
  } | null;
}

/**
 * Asks for at most `withinMs`; a server that does not answer is no error here, nor is one that is not the server which
 * runs the workflow (`clusterId`, null where that is not known): that it knows no such workflow says nothing. Never throws.
 */
export async function readTemporalStatus(
  at: { workflowId: string; namespace: string | null; clusterId: string | null },
  withinMs = 3_000,
): Promise<TemporalStatus> {
  const config = loadClientConnectConfig();
  const namespace = at.namespace ?? config.namespace ?? 'default';
  const address = config.connectionOptions.address ?? '127.0.0.1:7233';
  const found = { address, namespace, workflowId: at.workflowId };
  if (await isRefused(address)) return { ...found, silence: silenceOf('no-answer', found), answer: null };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), withinMs);
  });
  try {
    const asked = ask(config.connectionOptions, { ...found, clusterId: at.clusterId }, withinMs).catch(
      () => null,
    );
    const answer = await Promise.race([asked, late]);
    if (answer !== null && typeof answer === 'object') return { ...found, silence: null, answer };
    return { ...found, silence: silenceOf(answer ?? 'no-answer', found), answer: null };
  } finally {
    clearTimeout(timer);
  }
}

type Silence = NonNullable<TemporalStatus['silence']>;

function silenceOf(
  kind: Silence['kind'],
  { address, namespace, workflowId }: { address: string; namespace: string; workflowId: string },
): Silence {
  const words = {
    'no-answer': `does not answer at ${address} within 3 s`,
    'other-server': `at ${address} is not the server that runs ${workflowId}`,
    'no-namespace': `at ${address} has no namespace ${namespace}`,
  };
  return { kind, words: words[kind] };
}

async function ask(
  options: Parameters<typeof Connection.connect>[0],
  { namespace, workflowId, clusterId }: { namespace: string; workflowId: string; clusterId: string | null },
  withinMs: number,
): Promise<NonNullable<TemporalStatus['answer']> | 'other-server' | 'no-namespace'> {
  const connection = await Connection.connect({ ...options, connectTimeout: withinMs });
  try {
    return await connection.withDeadline(Date.now() + withinMs, async () => {
      const info = await connection.workflowService.getClusterInfo({});
      if (clusterId !== null && clusterId !== (info.clusterId ?? 'unknown')) return 'other-server';
      const workers = await pollers(connection, namespace);
      try {
        const handle = new Client({ connection, namespace }).workflow.getHandle(workflowId);
        const { status, memo, raw } = await handle.describe();
        return {
          state: status.name,
          memo: (memo?.status as MemoStatus | undefined) ?? null,
          pending: (raw.pendingActivities ?? []).map((a) => ({
            activity: a.activityType?.name ?? '',
            attempt: a.attempt ?? 1,
          })),
          failedTasks: Math.max(0, (raw.pendingWorkflowTask?.attempt ?? 1) - 1),
          workers,
        };
      } catch (error) {
        // the SDK takes a namespace that is not there for a workflow that is not
        if (!(await hasNamespace(connection, namespace))) return 'no-namespace';
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        return { state: null, memo: null, pending: [], failedTasks: 0, workers };
      }
    });
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** True, too, where that may not be asked. */
async function hasNamespace(connection: Connection, namespace: string): Promise<boolean> {
  return connection.workflowService.describeNamespace({ namespace }).then(
    () => true,
    (error: { code?: number }) => error.code !== notFound,
  );
}

/** gRPC's NOT_FOUND */
const notFound = 5;

async function pollers(connection: Connection, namespace: string): Promise<number | null> {
  try {
    const { pollers: found } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: 'rekey' },
      taskQueueType: 1,
    });
    // a poll lasts a minute; the server remembers pollers longer than that
    const since = Date.now() - 75_000;
    return (found ?? []).filter((p) => Number(p.lastAccessTime?.seconds ?? 0) * 1000 > since).length;
  } catch {
    return null;
  }
}
