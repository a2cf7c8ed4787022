import { readFreeDisk } from '../src/backup/disk.js';
import { type HookResult, runHook } from '../src/checks/hook.js';
import { loadHooks } from '../src/checks/hooks-file.js';
import type { PauseWhen } from '../src/plan/model.js';
import type { Signal } from '../src/postgres/throttle.js';
import type { StepWork } from './phase-work.js';

/** ms for which an answer counts: a hook is a program of somebody's, and ranges ask every second, each for itself */
const fresh = 5_000;

const answers = new Map<string, { asked: number; free: Promise<Signal> }>();

/** Bytes free where the server keeps its data, as the hook `free-disk` says; null where the plan names none, or it says nothing. */
export async function freeDiskOfServer(work: StepWork): Promise<number | null> {
  const hook = work.phase.hooks['free-disk'];
  if (hook === undefined) return null;
  const hooks = await loadHooks(process.env.REKEY_HOOKS);
  // told of along with the others that are not there
  if (!hooks.has(hook)) return null;
  const free = await ask(work, hook, () => work.heartbeat({ doing: `hook ${hook}` }));
  return typeof free === 'number' ? free : null;
}

/** For the throttle: null where the plan sets no limit. A hook that fails is a signal that can't be read. */
export function freeDiskReader(work: StepWork, limits: PauseWhen): (() => Promise<Signal>) | null {
  const hook = work.phase.hooks['free-disk'];
  if (hook === undefined || limits.freeDisk === undefined) return null;
  const key = JSON.stringify([work.ref.connection, work.ref.run.runId, work.ref.phase]);
  return () => {
    const known = answers.get(key);
    const free = known && performance.now() - known.asked < fresh ? known.free : ask(work, hook);
    if (free !== known?.free) answers.set(key, { asked: performance.now(), free });
    for (const [other, { asked }] of answers) if (performance.now() - asked > fresh) answers.delete(other);
    // one that was aborted with its range says nothing to the others
    return free.catch(() => ask(work, hook));
  };
}

async function ask(work: StepWork, hook: string, heartbeat?: () => void): Promise<Signal> {
  const { plan, phase } = work.ref;
  const hooks = await loadHooks(process.env.REKEY_HOOKS).catch(() => null);
  if (!hooks?.has(hook)) return { unreadable: `the worker has no hook "${hook}"` };
  const result: HookResult = await runHook(
    hooks,
    { hook, plan, phase, moment: 'free-disk', key: work.ref.run.runId },
    heartbeat,
    work.signal,
  );
  if (!result.passed) return { unreadable: `the hook ${hook} ${result.said}` };
  return (
    readFreeDisk(result.output) ?? {
      unreadable: `the hook ${hook} prints no number of bytes on its last line`,
    }
  );
}
