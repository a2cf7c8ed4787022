import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Status } from '../src/decisions/status.js';
import type { Owner } from '../src/postgres/ownership.js';
import type { DecisionEvent, RunRef, Sender } from './contract.js';

/** What activities ask of the Temporal server that their worker polls. */
export interface Cluster {
  id(): Promise<string>;
  /** true where the server says that this run is closed, or does not know it */
  isClosed(owner: Pick<Owner, 'workflowId' | 'firstRunId'>): Promise<boolean>;
  /** id of the migration that has this run as its child, as long as that migration is open; null where there is none */
  openMigration(owner: Pick<Owner, 'workflowId' | 'firstRunId'>): Promise<string | null>;
  /** what a phase says of itself in its memo; null where it says nothing yet, or is not known */
  statusOf(workflowId: string): Promise<Status | null>;
  /** tells a migration where a phase is, as a phase tells its parent; one that is closed needs to know nothing */
  tell(migration: RunRef, status: Status): Promise<void>;
  /** who sent the signal or update, as the run's history says */
  sender(run: RunRef, event: DecisionEvent): Promise<Sender>;
  /** names of those of Rekey's search attributes that exist, after trying to make them */
  searchAttributes(): Promise<string[]>;
}

const attributes = ['RekeyPlan', 'RekeyPhase', 'RekeyState'];
const keyword = 2;

export function clusterOf(client: Client): Cluster {
  const { connection } = client;
  const { namespace } = client.options;
  let id: Promise<string> | null = null;
  return {
    id() {
      id ??= connection.workflowService.getClusterInfo({}).then((info) => info.clusterId ?? 'unknown');
      return id.catch((error) => {
        id = null;
        throw error;
      });
    },

    async isClosed({ workflowId, firstRunId }) {
      try {
        const found = await client.workflow
          .getHandle(workflowId, undefined, { firstExecutionRunId: firstRunId })
          .describe();
        // another run of the same id: the owner has ended before it began
        return found.status.name !== 'RUNNING' || !(await sameChain(client, workflowId, firstRunId));
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return true;
        throw error;
      }
    },

    async openMigration({ workflowId, firstRunId }) {
      try {
        const { raw } = await client.workflow
          .getHandle(workflowId, undefined, { firstExecutionRunId: firstRunId })
          .describe();
        const id = raw.workflowExecutionInfo?.parentExecution?.workflowId;
        if (!id) return null;
        // by id alone: after a reset it is another run that goes on
        const { status } = await client.workflow.getHandle(id).describe();
        return status.name === 'RUNNING' ? id : null;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },

    async statusOf(workflowId) {
      try {
        const { memo } = await client.workflow.getHandle(workflowId).describe();
        return (memo?.status as Status | undefined) ?? null;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },

    async tell(migration, status) {
      const told = { status: { ...status, notes: status.notes.slice(-3) }, details: inShort(status) };
      try {
        await client.workflow.getHandle(migration.workflowId, migration.runId).signal('phaseChanged', told);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },

    async sender(run, event) {
      const handle = client.workflow.getHandle(run.workflowId, run.runId);
      const { events } = await handle.fetchHistory();
      let nth = 0;
      for (const found of events ?? []) {
        const signal = found.workflowExecutionSignaledEventAttributes;
        if ('signal' in event && signal?.signalName === event.signal) {
          nth += 1;
          // passed on by another workflow: the server vouches for the worker then, not for whoever decided
          const principal = signal.externalWorkflowExecution?.workflowId ? null : principalOf(found);
          if (nth === event.nth) return { identity: signal.identity ?? null, principal };
        }
        const update = found.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.meta;
        if ('update' in event && update?.updateId === event.update)
          return { identity: update.identity ?? null, principal: principalOf(found) };
      }
      return { identity: null, principal: null };
    },

    async searchAttributes() {
      try {
        await connection.operatorService.addSearchAttributes({
          namespace,
          searchAttributes: Object.fromEntries(attributes.map((name) => [name, keyword])),
        });
      } catch {
        // registered already, or we may not: what counts is which exist
      }
      const found = await connection.operatorService.listSearchAttributes({ namespace });
      return attributes.filter((name) => found.customAttributes?.[name] === keyword);
    },
  };
}

/** For the current details of the migration, until the phase tells more of itself. */
function inShort({ phase, state, step, next }: Status): string {
  const head = `**${phase}**: **${state}**${step === null ? '' : ` at \`${step}\``}`;
  const text = next[0] === undefined ? head : `${head}\n\nType next:\n\n\`\`\`\n${next[0]}\n\`\`\``;
  // a command that is cut would not work
  return text.length <= 4000 ? text : head;
}

async function sameChain(client: Client, workflowId: string, firstRunId: string): Promise<boolean> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const first = (raw.workflowExecutionInfo as { firstRunId?: string } | null | undefined)?.firstRunId;
  return first === undefined || first === null || first === '' || first === firstRunId;
}

/** Servers that authenticate their callers say who it was; the SDK's types may not know the field yet. */
function principalOf(event: object): string | null {
  const principal = (event as { principal?: { type?: string; name?: string } | null }).principal;
  return principal?.name ? `${principal.type ? `${principal.type}:` : ''}${principal.name}` : null;
}
