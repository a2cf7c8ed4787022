import type { Attempt } from '../activities/attempt.js';
import type { Cluster } from '../activities/cluster.js';
import { addColumns } from '../activities/columns.js';
import type { PhaseRef, RunRef } from '../activities/contract.js';
import { createFoundation } from '../activities/foundation.js';
import { finishMap, mapRange, planMap } from '../activities/map.js';
import { openPhase } from '../activities/open-phase.js';
import { closePhase } from '../activities/phase-end.js';
import { preflight } from '../activities/preflight.js';
import { swapKeys } from '../activities/swap-keys.js';
import { buildTwins } from '../activities/twins.js';
import { validate } from '../activities/validate.js';
import { RekeyError } from '../src/errors.js';

/** Steps of a phase, as far as it is to go. */
export const bareSteps = ['addColumns', 'map', 'buildTwins', 'swapKeys'] as const;
export type BareStep = (typeof bareSteps)[number];

export const attempt: Attempt = {
  signal: new AbortController().signal,
  heartbeat: () => undefined,
  outage: () => 0,
  untold: () => 0,
};

const nobody: Cluster = {
  id: async () => 'none',
  isClosed: async () => true,
  openMigration: async () => null,
  statusOf: async () => null,
  tell: async () => undefined,
  sender: async () => ({ identity: null, principal: null }),
  searchAttributes: async () => [],
};

/**
 * The same activities in the same order without Temporal around them: what orchestration costs is the difference. The
 * connection and REKEY_PLANS have to be in this process's environment.
 */
export async function layBareFoundation(connection: string): Promise<void> {
  const ref = await openBare(connection, 'foundation');
  await preflight(ref, attempt);
  await createFoundation(ref, attempt);
  await closePhase({ ...ref, outcome: 'done' }, attempt);
}

/** Runs the phase up to this step; answers with the seconds from the beginning of `addColumns` to the end of it. */
export async function runBare(connection: string, phase: string, until: BareStep): Promise<number> {
  const ref = await openBare(connection, phase);
  await preflight(ref, attempt);
  const began = Date.now();
  for (const step of bareSteps) {
    await steps[step](ref);
    if (step === until) break;
  }
  return (Date.now() - began) / 1000;
}

/** Runs this step alone, those before it being done; answers with its seconds. `lanes`: ranges that `map` fills at the same time. */
export async function runBareStep(
  connection: string,
  phase: string,
  step: BareStep,
  lanes?: number,
): Promise<number> {
  const ref = await persist(() => openBare(connection, phase));
  const began = Date.now();
  await steps[step](ref, lanes);
  return (Date.now() - began) / 1000;
}

const steps: Record<BareStep, (ref: PhaseRef, lanes?: number) => Promise<unknown>> = {
  addColumns: (ref) => addColumns(ref, attempt),
  map,
  buildTwins: async (ref) => {
    await buildTwins(ref, attempt);
    await validate({ ...ref, when: 'before-swap' }, attempt);
  },
  swapKeys: (ref) => swapKeys({ ...ref, opening: null }, attempt),
};

/** Again where it may be better the next time, as a workflow would: a role that may open two connections may wait for one. */
async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code !== 'connection.too-many') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Two ranges at a time, as the plan says, unless told otherwise. */
async function map(ref: PhaseRef, lanes = 2): Promise<void> {
  const { ranges } = await persist(() => planMap(ref, attempt));
  const waiting = [...ranges];
  const lane = async () => {
    for (let range = waiting.shift(); range; range = waiting.shift()) {
      const slice = { ...ref, ...range, sliceMs: 120_000 };
      while (!(await persist(() => mapRange(slice, attempt))).done);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await persist(() => finishMap(ref, attempt));
}

export async function openBare(connection: string, phase: string): Promise<PhaseRef> {
  const run: RunRef = {
    workflowId: `bare-${phase}`,
    firstRunId: `bare-${phase}`,
    runId: phase,
    namespace: 'none',
  };
  const request = { plan: 'plan', connection, phase, run };
  const { planHash } = await openPhase(request, attempt, nobody);
  return { ...request, planHash };
}
