import { hookFailed, runHook as run } from '../src/checks/hook.js';
import { loadHooks } from '../src/checks/hooks-file.js';
import type { HookMoment } from '../src/plan/model.js';
import { writeJournal } from '../src/postgres/journal.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';
import { withStep } from './phase-work.js';
import { Tally } from './run-work.js';

/** Runs the plan's hook for a moment, once for each key: one that is done is not run again. */
export function runHook(
  input: PhaseRef & { moment: HookMoment; key: string },
  attempt: Attempt,
): Promise<StepResult> {
  const { moment, key, phase } = input;
  return withStep(`hook ${moment}`, input, attempt, async (work) => {
    const tally = new Tally();
    const hook = work.phase.hooks[moment];
    if (hook === undefined) return tally.result();
    const [before] = await work.session.query<{ state: string }>(
      'select state from rekey.hook where phase = $1 and moment = $2 and key = $3',
      [phase, moment, key],
    );
    if (before?.state === 'done') return tally.result();
    const hooks = await loadHooks(process.env.REKEY_HOOKS);
    const keep = (state: string, code: number | null, ms: number | null) =>
      work.session.execute(
        `insert into rekey.hook (phase, moment, key, state, exit_code, duration_ms) values ($1, $2, $3, $4, $5, $6)
         on conflict (phase, moment, key) do update set state = excluded.state, exit_code = excluded.exit_code,
           duration_ms = excluded.duration_ms, at = pg_catalog.clock_timestamp()`,
        [phase, moment, key, state, code, ms],
      );
    await keep('running', null, null);
    const result = await run(
      hooks,
      { hook, plan: work.plan.plan, phase, moment, key },
      () => work.heartbeat({ doing: `hook ${hook}` }),
      work.signal,
    );
    await keep(result.passed ? 'done' : 'failed', result.code, result.ms);
    await writeJournal(work.session, work.scope, {
      kind: 'hook',
      object: hook,
      durationMs: result.ms,
      detail: { moment, passed: result.passed, said: result.said, output: result.output },
    });
    if (!result.passed) throw hookFailed(result);
    tally.ran(0);
    return tally.result();
  });
}
