import { setTimeout as sleep } from 'node:timers/promises';
import { type WorkflowExecutionStatusName, WorkflowFailedError } from '@temporalio/client';
import type { MigrationStatus, Status } from '../src/decisions/status.js';
import { Final, insist, within } from './patience.js';
import type { Stage } from './stage.js';

export type Answer = 'approve' | 'reject';

/** How a workflow ended; `outcome` is the result's, null where it has none. */
export interface Closed {
  status: WorkflowExecutionStatusName;
  outcome: string | null;
  /** code and text of the failure */
  why: string | null;
}

/** Somebody who types what `status` prints, again where it does not work, and answers checkpoints as a story wants. */
export class Operator {
  /** `step code` of everything that parked and was told to try again */
  readonly parked: string[] = [];
  /** workflow id of the phase that was open when it last looked, of a migration its phase's */
  openPhase: string | null = null;

  constructor(
    private readonly stage: Stage,
    private readonly say: (text: string) => void,
  ) {}

  /** Starting it again is fine where the first answer was lost. */
  async start(type: string, workflowId: string, input: object): Promise<void> {
    const args = [{ plan: 'chaos', connection: 'chaos', ...input }];
    await insist(() =>
      this.stage.client.workflow
        .start(type, { workflowId, taskQueue: 'rekey', args })
        .catch((error: Error) => {
          if (error.name !== 'WorkflowExecutionAlreadyStartedError') throw error;
        }),
    );
  }

  /**
   * Answers its checkpoints, tells what parks to try again, until it is closed. A Final error where it is not closed
   * within `ms`, or parks without end.
   */
  async see(
    workflowId: string,
    answer: (checkpoint: string, phase: string) => Answer,
    ms: number,
  ): Promise<Closed> {
    const deadline = Date.now() + ms;
    let asked = '';
    let last: Status | null = null;
    for (;;) {
      const ending = await within(this.ending(workflowId), 5_000).catch(() => null);
      if (ending) return ending;
      if (Date.now() > deadline)
        throw new Final(`${workflowId} is not over after ${ms} ms: ${JSON.stringify(last)}`);
      const status = await within(
        this.stage.client.workflow.getHandle(workflowId).query<Status>('status'),
        5_000,
      ).catch(() => null);
      last = status ?? last;
      if (status) {
        this.openPhase = phaseOf(status);
        const key = `${status.state} ${status.step} ${status.next[0]} ${status.checkpoint?.approvals.length}`;
        if (key !== asked && (await this.decide(status, answer))) asked = key;
      }
      // each look is a task for a worker, and rounds run beside other work
      await sleep(250);
    }
  }

  async signal(workflowId: string, name: string): Promise<void> {
    await insist(
      () =>
        this.stage.client.workflow
          .getHandle(workflowId)
          .signal(name, { by: 'chaos' })
          .catch((error: Error) => {
            if (error.name !== 'WorkflowNotFoundError') throw error;
          }),
      20_000,
    );
  }

  async cancel(workflowId: string): Promise<void> {
    await this.end(() => this.stage.client.workflow.getHandle(workflowId).cancel());
  }

  async terminate(workflowId: string): Promise<void> {
    await this.end(() => this.stage.client.workflow.getHandle(workflowId).terminate('chaos'));
  }

  /** Closed already is fine, and so is one that never was. */
  private async end(work: () => Promise<unknown>): Promise<void> {
    await insist(() =>
      work().catch((error: Error) => {
        if (error.name !== 'WorkflowNotFoundError') throw error;
      }),
    );
  }

  /** True where there is nothing more to say to this state. */
  private async decide(
    status: Status,
    answer: (checkpoint: string, phase: string) => Answer,
  ): Promise<boolean> {
    if (status.state === 'parked' && status.failure) {
      const { step, code, message } = status.failure;
      this.say(`parked at ${step}: ${code} ${message}`);
      this.parked.push(`${step} ${code}`);
      if (this.parked.length > 20) throw new Final(`it parks without end: ${this.parked.join(', ')}`);
      return this.type(status, '"action":"retry"');
    }
    if (status.state !== 'waiting-for-approval' || !status.checkpoint) return false;
    return this.type(status, ` --name ${answer(status.checkpoint.name, status.phase)} `);
  }

  private async type({ next }: Status, what: string): Promise<boolean> {
    const command = next.find((text) => text.includes(what));
    if (!command) throw new Final(`none of these is ${what}: ${next.join(' | ')}`);
    return (await this.stage.type(command)).code === 0;
  }

  private async ending(workflowId: string): Promise<Closed | null> {
    const handle = this.stage.client.workflow.getHandle(workflowId, undefined, { followRuns: false });
    const { status } = await handle.describe();
    if (status.name === 'RUNNING') return null;
    try {
      const result = (await handle.result()) as { outcome?: string };
      return { status: status.name, outcome: result.outcome ?? null, why: null };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      return { status: status.name, outcome: null, why: String(error.cause?.message ?? error.message) };
    }
  }
}

/** A migration's status is its own, under its own id. */
function phaseOf(status: Status | MigrationStatus): string {
  const { workflowId, phase } = status;
  return 'phases' in status && phase !== '' ? `${workflowId}/${phase}` : workflowId;
}
