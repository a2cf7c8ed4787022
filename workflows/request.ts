import { workflowInfo } from '@temporalio/workflow';
import { z } from 'zod';
import type { MigrationRequest, PhaseRequest, RunRef } from '../activities/contract.js';
import { plainly } from '../src/decisions/parse.js';
import { badInput } from './failure.js';

const word = z.string().trim().min(1).max(200);
const migration = z.strictObject({ plan: word, connection: word });
const phase = z.strictObject({ plan: word, connection: word, phase: word });

/** Throws BadInput; zod's own error, thrown in a workflow, would leave it running for ever. */
export function parseMigrationRequest(input: unknown): MigrationRequest {
  return parse(migration, input, '{"plan": "...", "connection": "..."}');
}

/** Throws BadInput. */
export function parsePhaseRequest(input: unknown): PhaseRequest {
  return parse(phase, input, '{"plan": "...", "connection": "...", "phase": "..."}');
}

function parse<S extends z.ZodType>(schema: S, input: unknown, shape: string): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 5);
  const why = issues
    .map((issue) => `${issue.path.map(String).join('.') || 'input'}: ${plainly(issue.message)}`)
    .join('; ');
  throw badInput({
    code: 'input.unreadable',
    message: `the input of ${workflowInfo().workflowType} can not be used: ${why}`.slice(0, 1000),
    remedy: `Start it with --input '${shape}'.`,
  });
}

/** A run that the server ends by itself would leave a step half done, with nothing to undo it: BadInput. */
export function refuseTimeouts(): void {
  const { executionTimeoutMs, runTimeoutMs } = workflowInfo();
  if (!executionTimeoutMs && !runTimeoutMs) return;
  throw badInput({
    code: 'input.timeout',
    message: 'this run has an execution or run timeout: the server would end it in the middle of a step',
    remedy:
      'Start it again without --execution-timeout and --run-timeout; deadlines belong to checkpoints, in the plan.',
  });
}

export function thisRun(): RunRef {
  const { workflowId, firstExecutionRunId, runId, namespace } = workflowInfo();
  return { workflowId, firstRunId: firstExecutionRunId, runId, namespace };
}
