import type { Checkpoint } from '../src/plan/model.js';
import { checkpointNamed, passCheckpoint } from './checkpoints.js';
import { cutOver, hookAfterSwap, keep, keysAreSwapped, observe, swapBack, waitForWindow } from './cutover.js';
import { closeGate, waitAtGate } from './gate.js';
import { mapTables } from './map.js';
import { parkForward } from './park.js';
import type { Run } from './run.js';
import { attempt, failIfWrong, register, runStep } from './steps.js';
import { passValidation } from './validation.js';
import { call } from './world.js';

/** The steps of a phase that moves tables, in the order in which they run. */
export async function moveTables(run: Run): Promise<void> {
  if (run.brief?.cutOver) return goOnAfterCutover(run);
  await passCheckpoint(run, 'before');
  await runStep(run, { step: 'preflight', forward: () => preflight(run) });
  if (run.brief?.rehearsal) {
    await runStep(run, {
      step: 'rehearse',
      forward: () => call('rehearse', 'rehearses the phase', run.ref),
      skippable: true,
    });
  }
  await runStep(run, { step: 'backup', forward: () => call('backup', 'backs up', run.ref) });
  await runStep(run, {
    step: 'addColumns',
    forward: () => call('addColumns', 'adds shadow columns and sync triggers', run.ref),
    undo: undoColumns(run),
  });
  await runStep(run, { step: 'map', forward: () => mapTables(run), undo: undoMap(run) });
  await runStep(run, {
    step: 'buildTwins',
    forward: () => call('buildTwins', 'builds the twins of indexes and constraints', run.ref),
    undo: undoTwins(run),
  });
  await cutOver(run);
  await keep(run);
}

/** An earlier run was ended after its cutover: all steps before it are done, and can be undone. */
async function goOnAfterCutover(run: Run): Promise<void> {
  const key = `resumed:${run.ref.run.runId}`;
  registerAll(run, key);
  run.swapped = true;
  run.wayBack = keysAreSwapped;
  await hookAfterSwap(run, key);
  await keep(run);
}

/** What undoes a whole phase, oldest first; for a rollback that begins without the forward steps. */
export function registerAll(run: Run, key: string): void {
  register(run, { step: 'addColumns', undo: undoColumns(run) });
  register(run, { step: 'map', undo: undoMap(run) });
  register(run, { step: 'buildTwins', undo: undoTwins(run) });
  register(run, { step: 'swapKeys', undo: () => swapBack(run, key) });
}

function undoColumns(run: Run) {
  return async () => void (await call('dropColumns', 'drops shadow columns and sync triggers', run.ref));
}

function undoMap(run: Run) {
  return async () => void (await call('unmap', 'undoes map', run.ref));
}

function undoTwins(run: Run) {
  return async () => void (await call('dropTwins', 'drops the twins', run.ref));
}

async function preflight(run: Run): Promise<void> {
  const { warnings } = await call('preflight', 'looks before anything is changed', run.ref);
  for (const warning of warnings.slice(0, 5)) run.note(`preflight warns: ${warning}`);
}

/** Schema rekey, full backup, restore drill, baseline of all probes. */
export async function layFoundation(run: Run): Promise<void> {
  // opening the phase has made the schema already: the journal of this very phase lies in it
  register(run, { step: 'createFoundation', undo: () => undoFoundation(run) });
  await passCheckpoint(run, 'before');
  await runStep(run, { step: 'preflight', forward: () => preflight(run) });
  await runStep(run, {
    step: 'createFoundation',
    forward: () => call('createFoundation', 'creates the schema rekey', run.ref),
  });
  await runStep(run, { step: 'backup', forward: () => call('backup', 'backs up', run.ref) });
  const drill = await runStep(run, {
    step: 'restoreDrill',
    forward: () => call('restoreDrill', 'restores the backup elsewhere', run.ref),
  });
  if (drill?.note) run.note(drill.note);
  await runStep(run, {
    step: 'measureBaseline',
    forward: () => call('measureBaseline', 'measures all probes', run.ref),
  });
  await passCheckpoint(run, 'after');
}

/** The journal goes with the schema: nothing can be recorded afterwards. */
export async function undoFoundation(run: Run): Promise<void> {
  await call('dropFoundation', 'exports the journal and drops the schema rekey', run.ref);
  run.closeJournal();
}

const dropNeedsApproval: Checkpoint = {
  checkpoint: 'before-drop',
  approvals: 1,
  from: [],
  trust: 'declared',
  checklist: [],
  timeout: null,
  onTimeout: 'rollback',
};

/** The point of no return stands in front of `dropLegacy`, never without an approval. */
export async function cleanUp(run: Run): Promise<void> {
  const dropped = run.brief?.cutOver ?? false;
  const opening = dropped ? null : await approveDrop(run);
  await drop(run, opening);
  // from here on no cancel has an effect, and what fails can only be tried again
  await run.shield(() => afterDrop(run));
}

async function approveDrop(run: Run): Promise<number | null> {
  await passCheckpoint(run, 'before');
  await runStep(run, { step: 'preflight', forward: () => preflight(run) });
  await runStep(run, {
    step: 'backup',
    forward: () => call('backup', 'backs up before the first drop', run.ref),
  });
  for (;;) {
    const end = await waitAtGate(run, checkpointNamed(run, 'before-drop') ?? dropNeedsApproval, {
      keepOpen: true,
    });
    if (!end.approved) continue;
    await waitForWindow(run);
    await run.journalled();
    run.stopIfCancelled();
    return end.opening;
  }
}

/** Until the first drop has committed a cancel and a resolution can still end the phase with nothing dropped. */
async function drop(run: Run, opening: number | null): Promise<void> {
  for (;;) {
    run.wayBack = { open: false, because: 'cleanup drops the legacy columns' };
    run.enter('running', 'dropLegacy');
    const { begun, failure } = await run.shield(() => tryToDrop(run, opening));
    run.noReturn = begun;
    if (failure === null) {
      if (run.keptOpen) closeGate(run, run.keptOpen, 'approved');
      return;
    }
    if (begun) {
      await run.shield(() => parkForward(run, failure, false));
      continue;
    }
    run.wayBack = { open: true, because: 'nothing has been dropped yet' };
    run.stopIfCancelled();
    failIfWrong(run, failure);
    await parkForward(run, failure, false);
    await run.holdWhilePaused();
  }
}

async function tryToDrop(run: Run, opening: number | null) {
  const request = { ...run.ref, opening };
  const drops = () => call('dropLegacy', 'drops legacy columns and objects', request);
  const { failure } = await attempt('dropLegacy', drops);
  return { failure, begun: failure === null || (await observe(run)) };
}

async function afterDrop(run: Run): Promise<void> {
  run.noReturn = true;
  run.wayBack = { open: false, because: 'cleanup has dropped the legacy columns' };
  await runStep(run, {
    step: 'buildIndexes',
    forward: () => call('buildIndexes', 'builds the indexes that the plan asks for', run.ref),
  });
  await runStep(run, {
    step: 'analyzeTables',
    forward: () => call('analyzeTables', 'analyzes the tables', run.ref),
  });
  await runStep(run, {
    step: 'archiveMapping',
    forward: () => call('archiveMapping', 'archives the mapping, if the plan says so', run.ref),
  });
  if (run.brief?.hasChecks || run.brief?.hasProbes) await passValidation(run, 'after-drop');
  await passCheckpoint(run, 'after');
}
