import { condition, patched } from '@temporalio/workflow';
import type { HookMoment } from '../src/plan/model.js';
import { type WindowState, windowState } from '../src/plan/window.js';
import { checkpointNamed } from './checkpoints.js';
import { closeGate, waitAtGate } from './gate.js';
import { insist } from './insist.js';
import { parkForward } from './park.js';
import { type Run, stoppable } from './run.js';
import { attempt, failIfWrong, register, runStep } from './steps.js';
import { type Finding, findingsOf, passValidation, validate, weigh } from './validation.js';
import { call } from './world.js';

export const keysAreSwapped = {
  open: true,
  because: 'the keys are swapped; legacy columns are kept in step',
};

/**
 * From the validated twins to the swapped keys: approval, window, validation, hook, `swapKeys`. What goes wrong on
 * the way closes the opening or parks; nobody's approval outlives a validation that failed.
 */
export async function cutOver(run: Run): Promise<void> {
  for (;;) {
    await passValidation(run, 'before-swap');
    run.validAt = Date.now();
    const opening = await approval(run);
    if (opening === 'again') continue;
    if ((await swapInWindow(run, opening)) === 'done') return;
  }
}

async function approval(run: Run): Promise<number | null | 'again'> {
  const checkpoint = checkpointNamed(run, 'before-swap');
  if (checkpoint === null) return null;
  const end = await waitAtGate(run, checkpoint, { recheck: () => stillValid(run), keepOpen: true });
  return end.approved ? end.opening : 'again';
}

/** While it waits: false where the data are no longer as they must be; the loop then validates, and parks. */
async function stillValid(run: Run): Promise<boolean> {
  const result = await call('validate', 'validate while the checkpoint waits', {
    ...run.ref,
    when: 'waiting',
  });
  run.gateValidation = { ...result, at: new Date().toISOString() };
  return findingsOf(run, result).length === 0;
}

/** Again where an approval or a window was waited for; a minute later the same rows say the same. */
async function validateAgain(run: Run): Promise<Finding[]> {
  const { validAt } = run;
  run.validAt = null;
  // runs that began before this was asked know no such time
  if (validAt !== null && Date.now() - validAt < (run.brief?.validFor ?? 0)) return [];
  return findingsOf(run, await validate(run, 'before-swap'));
}

/** Unique twins beside their originals fail upserts of clients: with `twins: late` only for these last moments. */
async function buildLateTwins(run: Run): Promise<void> {
  if (run.brief?.twins !== 'late') return;
  await runStep(run, {
    step: 'buildTwins',
    forward: () => call('buildTwins', 'builds the unique twins', { ...run.ref, late: true }),
  });
  // what was validated before was validated without them
  run.validAt = null;
}

/** Tries until the keys are swapped, or until a validation voids the approval. */
async function swapInWindow(run: Run, opening: number | null): Promise<'done' | 'again'> {
  for (let tries = 1; ; tries += 1) {
    await waitForWindow(run);
    await buildLateTwins(run);
    const findings = await validateAgain(run);
    if (findings.length > 0) {
      if (run.keptOpen) closeGate(run, run.keptOpen, 'voided');
      await weigh(run, findings);
      return 'again';
    }
    // a validation may take longer than the window was open
    if (!windowOf(run).open) continue;
    const end = await swap(run, opening, `${opening ?? run.ref.run.runId}:${tries}`);
    if (end === 'swapped') {
      if (run.keptOpen) closeGate(run, run.keptOpen, 'approved');
      return 'done';
    }
    // the journal has closed the opening: no retry helps, a new one has to be approved
    if (end === 'not-open') {
      if (run.keptOpen) closeGate(run, run.keptOpen, 'voided');
      return 'again';
    }
  }
}

/** Waits for a window with enough time left for all tries at the locks. */
export async function waitForWindow(run: Run): Promise<void> {
  for (;;) {
    await run.holdWhilePaused();
    const window = windowOf(run);
    run.window = window.open ? null : { opensAt: iso(window.opensAt), closesAt: iso(window.closesAt) };
    if (window.open) return;
    run.enter('waiting-for-window');
    const ms = window.opensAt === null ? 3_600_000 : Math.max(1, window.opensAt - Date.now());
    const summary = `the window opens at ${iso(window.opensAt) ?? 'no time that is known'}`;
    await stoppable(() => condition(() => run.pausedBy !== null, ms, { summary }));
    run.enter('running');
  }
}

function windowOf(run: Run): WindowState {
  return windowState(run.brief?.window ?? null, Date.now(), run.brief?.locksWithin ?? 0);
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/**
 * Hooks stand around the cutover: whatever keeps `swapKeys` from committing, `after-swap-back` has run before the
 * phase parks or rolls back. 'again' where it is to be tried again from the window on.
 */
async function swap(
  run: Run,
  opening: number | null,
  key: string,
): Promise<'swapped' | 'again' | 'not-open'> {
  await run.holdWhilePaused();
  await run.journalled();
  run.stopIfCancelled();
  register(run, { step: 'swapKeys', undo: () => swapBack(run, key) });
  run.enter('running', 'swapKeys');
  const hooked = await attempt('hook before-swap', () => hook(run, 'before-swap', key));
  const swapped =
    hooked.failure !== null || run.cancelled
      ? hooked
      : await attempt('swapKeys', () => call('swapKeys', 'swaps the keys', { ...run.ref, opening }));
  if (swapped === hooked || swapped.failure !== null) {
    // a try that was given up for dead may have committed
    if (!(await observe(run))) {
      await insist(run, 'hook after-swap-back', () => hook(run, 'after-swap-back', key));
      run.stopIfCancelled();
      if (swapped.failure) {
        failIfWrong(run, swapped.failure);
        if (swapped.failure.code === 'gate.not-open' && patched('opens-again')) return 'not-open';
        await parkForward(run, swapped.failure, false);
      }
      return 'again';
    }
  }
  run.swapped = true;
  run.wayBack = keysAreSwapped;
  run.stopIfCancelled();
  await hookAfterSwap(run, key);
  return 'swapped';
}

/** Starts the application again, on the new keys. */
export async function hookAfterSwap(run: Run, key: string): Promise<void> {
  if (!run.brief?.hooks['after-swap']) return;
  await runStep(run, { step: 'hook after-swap', forward: () => hook(run, 'after-swap', key) });
}

/** The compensation of `swapKeys`: its hooks only where the keys are swapped, the activity always. */
export async function swapBack(run: Run, key: string): Promise<void> {
  const swapped = await observe(run);
  if (swapped) await insist(run, 'hook before-swap-back', () => hook(run, 'before-swap-back', key));
  await insist(run, 'swapKeysBack', () => call('swapKeysBack', 'swaps the keys back', run.ref));
  if (swapped) await insist(run, 'hook after-swap-back', () => hook(run, 'after-swap-back', `${key}:back`));
  run.swapped = false;
  run.wayBack = { open: true, because: 'no key of this phase is swapped' };
}

/** What the database says: whether the cutover has committed; for cleanup, whether its first drop has. */
export async function observe(run: Run): Promise<boolean> {
  return (await lookHowFar(run)).cutOver;
}

export async function lookHowFar(run: Run): Promise<{ cutOver: boolean; begun?: boolean }> {
  let seen: { cutOver: boolean; begun?: boolean } = { cutOver: false };
  await insist(run, 'observePhase', async () => {
    seen = await call('observePhase', 'looks how far the phase got', run.ref);
  });
  return seen;
}

/** Does nothing where the plan names no hook for this moment. The key makes a repeated call harmless. */
export async function hook(run: Run, moment: HookMoment, key: string): Promise<void> {
  if (!run.brief?.hooks[moment]) return;
  await call('runHook', `hook ${moment}`, { ...run.ref, moment, key: `${moment}:${key}` });
}

/** After the cutover: validation with probes and checks, then the approval to keep it. */
export async function keep(run: Run): Promise<void> {
  await passValidation(run, 'after-swap');
  const checkpoint = checkpointNamed(run, 'after-swap');
  await lookBack(run);
  if (checkpoint === null) return;
  await waitAtGate(run, checkpoint, { recheck: () => lookBack(run) });
}

/** `status` says at every moment whether the way back is open. */
async function lookBack(run: Run): Promise<boolean> {
  const { result } = await attempt('wayBack', () =>
    call('wayBack', 'is the way back open', run.ref, { within: 600_000 }),
  );
  if (result) run.wayBack = { open: result.open, because: result.because };
  return true;
}
