import type { Phase, PlanCheck } from '../plan/model.js';
import type { Database } from './database.js';
import { exampleOf, meets } from './expectation.js';
import type { OnFinding } from './findings.js';
import { type HookResult, runHook } from './hook.js';
import type { Hooks } from './hooks-file.js';
import { type AskedCheck, runHttpCheck } from './http.js';
import { answerOf, ranOutOfTime, readOnly } from './read-only.js';
import type { Failure } from './validation.js';

export interface PlanCheckOptions {
  hooks: Hooks;
  plan: string;
  /** the same for every attempt of one validation */
  key: string;
  heartbeat?: () => void;
  signal?: AbortSignal;
  environment?: NodeJS.ProcessEnv;
  /** for the journal alone */
  onHook?: (result: HookResult) => Promise<void> | void;
  /** what it said of a check that did not pass, and the first row that its SQL gave */
  onFinding?: OnFinding;
}

export interface PlanChecked {
  checks: number;
  failures: Failure[];
}

/**
 * The plan's own checks of a phase: SQL in a read-only transaction, HTTP, or a hook. A check that does not pass is a failure
 * with the reason `critical-check` or `check`. Throws BadInput where the check itself is wrong (`check.sql`,
 * `hook.unknown`, `plan.unknown-variable`).
 */
export async function runPlanChecks(
  database: Database,
  phase: Phase,
  options: PlanCheckOptions,
): Promise<PlanChecked> {
  const result: PlanChecked = { checks: 0, failures: [] };
  for (const check of phase.checks) {
    options.heartbeat?.();
    options.signal?.throwIfAborted();
    const { passed, said, example } = await run(database, phase, check, options);
    result.checks += 1;
    if (passed) continue;
    const on = `phase ${phase.phase}`;
    await options.onFinding?.({ check: `check ${check.check}`, on, count: 1, example: { said, ...example } });
    result.failures.push({
      check: check.check,
      on,
      count: 1,
      reason: check.critical ? 'critical-check' : 'check',
    });
  }
  return result;
}

async function run(
  database: Database,
  phase: Phase,
  check: PlanCheck,
  options: PlanCheckOptions,
): Promise<Pick<AskedCheck, 'passed' | 'said'> & { example?: Record<string, string | null> }> {
  const { what, timeout } = check;
  if ('http' in what) return runHttpCheck(what.http, timeout, options.signal, options.environment);
  if ('hook' in what) {
    const result = await runHook(
      options.hooks,
      {
        hook: what.hook,
        plan: options.plan,
        phase: phase.phase,
        moment: 'check',
        key: `${options.key}/${check.check}`,
        timeout,
      },
      options.heartbeat,
      options.signal,
      options.environment,
    );
    await options.onHook?.(result);
    return result;
  }
  try {
    const rows = await readOnly(database, `check "${check.check}" of phase ${phase.phase}`, timeout, () =>
      answerOf(database, what.sql),
    );
    return { ...meets(what.expect, rows), example: exampleOf(rows) };
  } catch (error) {
    if (!ranOutOfTime(error)) throw error;
    return { passed: false, said: `took longer than ${timeout} ms` };
  }
}
