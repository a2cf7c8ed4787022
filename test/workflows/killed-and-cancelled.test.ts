import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { PhaseResult } from '../../workflows/run-phase.js';
import { checkpoint } from './fake-world.js';
import { approve, bundle, Harness, statusOf, until, untilState } from './harness.js';
import { type Spec, Worlds } from './worlds.js';

/**
 * SIGKILL of the worker in the middle of every step, then a cancel, then another worker: the step never answers, ends
 * as a timeout and not as a cancel, and what it has done is not known. All phases at once, each killed elsewhere.
 */
interface Case extends Spec {
  type: 'runPhase' | 'rollBackPhase';
  /** approved before the worker is killed, where the step stands behind a gate that no plan can leave out */
  approves?: string;
  /** what the next worker is asked to do */
  then: string[];
  outcome: 'rolled-back' | 'done' | 'Workflow canceled';
  /** what status says of the cancel */
  said?: RegExp;
}

const undone = ['dropTwins', 'unmap', 'dropColumns', 'validate after-rollback', 'closePhase rolled-back'];
const swapsBack = ['hook before-swap-back', 'swapKeysBack', 'hook after-swap-back', ...undone];
const startsAgain = ['hook after-swap-back', 'swapKeysBack', ...undone];
const rollsBack = /^[^ ]+ cancelled: rolls back/;
const hooks = {
  'before-swap': 'stop',
  'after-swap': 'start',
  'before-swap-back': 'stop',
  'after-swap-back': 'old',
};

function named(kind: string, hangs: string, { cutOver }: Partial<Case>): string {
  return `${kind} ${hangs}${cutOver ? ', keys swapped' : ''}`;
}

function tables(hangs: string, then: string[], more: Partial<Case> = {}): Case {
  return {
    phase: named('tables', hangs, more),
    type: 'runPhase',
    hangs,
    then,
    outcome: 'rolled-back',
    said: rollsBack,
    ...more,
    brief: { hooks, rehearsal: true, ...more.brief },
  };
}

function foundation(hangs: string): Case {
  return {
    ...tables(hangs, ['dropFoundation'], { brief: { kind: 'foundation' } }),
    phase: `foundation ${hangs}`,
  };
}

function cleanup(hangs: string, then: string[], more: Partial<Case> = {}): Case {
  return {
    ...tables(hangs, then, { approves: 'before-drop', ...more, brief: { kind: 'cleanup' } }),
    phase: `cleanup ${hangs}`,
  };
}

function rollBack(hangs: string, then: string[], more: Partial<Case> = {}): Case {
  return {
    ...tables(hangs, then, { said: /a cancel had no effect: the phase rolls back already/, ...more }),
    phase: named('rollback', hangs, more),
    cutOverBefore: more.cutOver,
    type: 'rollBackPhase',
  };
}

const afterDrop = ['dropLegacy 1', 'buildIndexes', 'analyzeTables', 'archiveMapping', 'closePhase done'];
const noEffect: Partial<Case> = {
  outcome: 'done',
  said: /a cancel had no effect: cleanup has begun to drop/,
};
const closed = ['closePhase rolled-back'];
const fromSwapBack = ['swapKeysBack', ...undone];

const cases: Case[] = [
  tables('openPhase', ['withdrawOpening']),
  tables('preflight', closed),
  tables('rehearse', closed),
  tables('backup', closed),
  tables('addColumns', undone.slice(2)),
  tables('planMap', undone.slice(1)),
  tables('mapRange', undone.slice(1)),
  tables('finishMap', undone.slice(1)),
  tables('buildTwins', undone),
  tables('validate before-swap', undone),
  tables('gate before-swap', undone, { brief: { checkpoints: [checkpoint('before-swap')] } }),
  tables('hook before-swap', startsAgain),
  tables('swapKeys', startsAgain),
  tables('swapKeys', swapsBack, { cutOver: true }),
  tables('hook after-swap', swapsBack, { cutOver: true }),
  tables('validate after-swap', swapsBack, { cutOver: true }),
  tables('gate after-swap', swapsBack, { cutOver: true, brief: { checkpoints: [checkpoint('after-swap')] } }),
  tables('closePhase', ['closePhase done'], {
    cutOver: true,
    outcome: 'done',
    said: /a cancel had no effect: the phase is done/,
  }),
  ...['preflight', 'createFoundation', 'backup', 'restoreDrill', 'measureBaseline'].map(foundation),
  cleanup('preflight', closed, { approves: undefined }),
  cleanup('backup', closed, { approves: undefined }),
  cleanup('dropLegacy', afterDrop, noEffect),
  cleanup('buildIndexes', afterDrop.slice(1), { ...noEffect, cutOver: true }),
  cleanup('analyzeTables', afterDrop.slice(2), { ...noEffect, cutOver: true }),
  cleanup('archiveMapping', afterDrop.slice(3), { ...noEffect, cutOver: true }),
  rollBack('openRollBack', ['withdrawOpening'], { outcome: 'Workflow canceled', said: undefined }),
  rollBack('hook before-swap-back', swapsBack, { cutOver: true }),
  rollBack('swapKeysBack', fromSwapBack),
  rollBack('swapKeysBack', ['swapKeysBack', 'hook after-swap-back', ...undone], { cutOver: true }),
  rollBack('dropTwins', undone),
  rollBack('unmap', undone.slice(1)),
  rollBack('dropColumns', undone.slice(2)),
  rollBack('validate after-rollback', undone.slice(3)),
  rollBack('closePhase', undone.slice(4)),
];

let harness: Harness;
let folder: string;
const ended = new Map<string, { outcome: string; steps: string[]; notes: string[] }>();

beforeAll(async () => {
  harness = await Harness.start();
  folder = await mkdtemp(join(tmpdir(), 'rekey-doomed-'));
  const taskQueue = harness.queue();
  const doomed = await doomedWorker(taskQueue);
  let started: WorkflowHandle[] = [];
  try {
    started = await Promise.all(cases.map((one) => start(one, taskQueue)));
    await Promise.all(cases.map((one, at) => hangs(started[at]!, one)));
  } finally {
    await killed(doomed);
  }
  await Promise.all(started.map((handle) => handle.cancel()));
  const worlds = new Worlds(cases);
  for (const { phase, cutOver = false, hangs: entry, said } of cases) {
    worlds.of(phase).cutOver = cutOver;
    // whether the server tries the step again before it hears of the cancel is a matter of milliseconds; it changes nothing
    if (said === rollsBack) worlds.of(phase).hold(entry);
  }
  const next = await harness.worker(worlds, taskQueue);
  try {
    await Promise.all(cases.map((one, at) => end(one, started[at]!, worlds)));
  } finally {
    for (const handle of started) await handle.terminate('the test is over').catch(() => undefined);
    await next.stop();
  }
}, 240_000);

afterAll(async () => {
  await rm(folder, { recursive: true });
  await harness.stop();
});

async function doomedWorker(taskQueue: string): Promise<ChildProcess> {
  const [codePath, specs] = [join(folder, 'bundle.js'), join(folder, 'specs.json')];
  await writeFile(codePath, (await bundle()).code);
  await writeFile(specs, JSON.stringify(cases));
  const env = { ADDRESS: harness.server.address, NAMESPACE: harness.server.namespace, QUEUE: taskQueue };
  return spawn(
    process.execPath,
    ['-r', join(__dirname, '../setup/register.js'), join(__dirname, 'doomed-worker.ts')],
    { env: { ...process.env, ...env, BUNDLE: codePath, SPECS: specs }, stdio: 'ignore' },
  );
}

async function killed(worker: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  await gone;
}

async function start({ type, phase }: Case, taskQueue: string): Promise<WorkflowHandle> {
  return harness.client.workflow.start(type, {
    workflowId: `${taskQueue} ${phase} ${type}`,
    taskQueue,
    args: [{ plan: 'testapp', connection: 'main', phase }],
  });
}

/** Until the activity hangs, and the server has heard of it. */
async function hangs(handle: WorkflowHandle, { hangs: entry, approves, phase }: Case): Promise<void> {
  // all of them begin at once: on a busy machine that takes its time
  if (approves) await untilState(handle, 'waiting-for-approval', () => true, 90_000);
  if (approves) await approve(handle, approves);
  await until(
    async () => (await handle.describe()).raw.pendingActivities ?? [],
    (pending) => pending.some(({ lastHeartbeatTime }) => lastHeartbeatTime),
    90_000,
  ).catch((error: Error) => {
    throw new Error(`${phase} does not hang in ${entry}: ${error.message}`);
  });
}

async function end({ phase }: Case, handle: WorkflowHandle, worlds: Worlds): Promise<void> {
  const outcome = await handle.result().then(
    (result: PhaseResult) => result.outcome,
    (error: Error & { cause?: Error }) => error.cause?.message ?? error.message,
  );
  const { notes } = await statusOf(handle);
  ended.set(phase, { outcome, notes, steps: worlds.of(phase).steps });
}

test.each(cases.map((one) => [one.phase, one] as const))(
  'killed in %s and cancelled: rolled back, or the refusal is shown',
  (phase, { outcome, then, said, hangs: entry }) => {
    const { outcome: how, notes, steps } = ended.get(phase)!;
    const [first = ''] = steps;
    const triedAgain = first.startsWith(entry) && !then[0]?.startsWith(entry);
    expect([how, triedAgain ? steps.slice(1) : steps]).toEqual([outcome, then]);
    if (said) expect(notes).toContainEqual(expect.stringMatching(said));
  },
);
