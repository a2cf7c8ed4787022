import type { Client } from '@temporalio/client';
import { type Attempt, asActivity } from './attempt.js';
import { backup } from './backup.js';
import { analyzeTables, archiveMapping, buildIndexes, dropLegacy } from './cleanup.js';
import { clusterOf } from './cluster.js';
import { addColumns, dropColumns } from './columns.js';
import type { Activities, StepResult } from './contract.js';
import { createFoundation, dropFoundation, restoreDrill } from './foundation.js';
import { closeGate, openGate, readSender, recordDecision, recordFailure, setPause } from './gates.js';
import { runHook } from './hooks.js';
import { finishMap, mapRange, planMap, unmap } from './map.js';
import { openPhase, openRollBack } from './open-phase.js';
import { awaitPhase, closePhase, observePhase } from './phase-end.js';
import { preflight } from './preflight.js';
import { measureBaseline } from './probes.js';
import { readMigration } from './read-plan.js';
import { rehearse } from './rehearse.js';
import { swapKeys, swapKeysBack } from './swap-keys.js';
import { buildTwins, dropTwins } from './twins.js';
import { validate } from './validate.js';
import { wayBack } from './way-back.js';
import { withdrawOpening } from './withdraw-opening.js';

type Plain = {
  [K in keyof Activities]: (
    input: Parameters<Activities[K]>[0],
    attempt: Attempt,
  ) => ReturnType<Activities[K]>;
};

/** All activities of a worker. `client` is connected to the server that it polls. */
export function createActivities(client: Client): Activities {
  const cluster = clusterOf(client);
  const plain: Plain = {
    readMigration: (input, attempt) => readMigration(input, attempt, cluster),
    awaitPhase: (input, attempt) => awaitPhase(input, attempt, cluster),
    closePhase,
    wayBack,
    observePhase,
    openPhase: (input, attempt) => openPhase(input, attempt, cluster),
    openRollBack: (input, attempt) => openRollBack(input, attempt, cluster),
    withdrawOpening,
    registerSearchAttributes: () => cluster.searchAttributes(),
    preflight,
    rehearse,
    backup,
    addColumns,
    dropColumns,
    planMap,
    mapRange,
    finishMap,
    unmap,
    buildTwins,
    dropTwins,
    validate,
    swapKeys,
    swapKeysBack,
    runHook,
    createFoundation,
    dropFoundation,
    restoreDrill,
    measureBaseline,
    dropLegacy,
    buildIndexes,
    analyzeTables,
    archiveMapping,
    openGate,
    closeGate,
    setPause,
    recordFailure,
    recordDecision: (input, attempt) => recordDecision(input, attempt, cluster),
    readSender: (input, attempt) => readSender(input, attempt, cluster),
  };
  return Object.fromEntries(
    Object.entries(plain).map(([name, fn]) => [
      name,
      asActivity(name, fn as (input: unknown, attempt: Attempt) => Promise<StepResult>),
    ]),
  ) as unknown as Activities;
}
