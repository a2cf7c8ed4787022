import { RekeyError } from '../errors.js';
import { type CommandResult, runCommand } from '../run-command.js';
import { findHook, type Hooks } from './hooks-file.js';
import type { AskedCheck } from './http.js';

export interface HookRequest {
  hook: string;
  plan: string;
  phase: string;
  /** a HookMoment, or `check` where the hook is one of the plan's checks */
  moment: string;
  /** the same for every attempt of one run of a hook: what the hook does is to be done once for each key */
  key: string;
  /** ms; a check's own limit. The hook's own counts where it is shorter */
  timeout?: number;
}

export interface HookResult extends AskedCheck {
  hook: string;
  /** null where it was ended by a signal or could not be started */
  code: number | null;
  timedOut: boolean;
  /** the end of what it printed, at most 16 kB: for the journal alone, since nobody knows what is in it */
  output: string;
}

const keptOutput = 16 * 1024;
/** How often a hook that runs for minutes says that it still does, ms. */
const beat = 1000;

/**
 * Runs a hook to its end, without a shell. Exit code 0 is success; everything else is an answer, not an exception: the
 * caller writes `output` into the journal and may then throw `hookFailed(result)`.
 * Aborting ends the hook's whole process group before the signal's reason is thrown. What a hook started in the
 * background and left running is left alone.
 * Throws BadInput `hook.unknown`.
 */
export async function runHook(
  hooks: Hooks,
  request: HookRequest,
  heartbeat: () => void = () => undefined,
  signal?: AbortSignal,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<HookResult> {
  const hook = findHook(hooks, request.hook);
  const timeout = Math.min(hook.timeout, request.timeout ?? hook.timeout);
  const [command, ...args] = hook.command;
  const env: NodeJS.ProcessEnv = {
    ...withoutSecrets(environment),
    ...hook.env,
    REKEY_PLAN: request.plan,
    REKEY_PHASE: request.phase,
    REKEY_MOMENT: request.moment,
    REKEY_KEY: request.key,
  };
  const timer = setInterval(heartbeat, beat);
  try {
    const result = await runCommand({ command, args, env, timeout, keep: keptOutput }, signal);
    const passed = result.code === 0 && !result.timedOut;
    return {
      hook: request.hook,
      passed,
      said: explain(result, timeout),
      ms: result.ms,
      code: result.code,
      timedOut: result.timedOut,
      output: result.output,
    };
  } finally {
    clearInterval(timer);
  }
}

/** The error of a hook that did not end well, without a word of what it printed. */
export function hookFailed(result: HookResult): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'hook.failed',
    message: `the hook ${result.hook} ${result.said}`,
    remedy: 'Read what it printed with `rekey findings`, mend it, then resolve with retry.',
    where: `hook ${result.hook}`,
  });
}

/** A hook that needs a database connects by its own means. */
function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith('REKEY_CONNECTION_') && name !== 'PGPASSWORD',
    ),
  );
}

function explain(result: CommandResult, timeout: number): string {
  if (result.notStarted) return `could not be started (${result.notStarted})`;
  if (result.timedOut) return `took longer than ${timeout} ms and was ended`;
  if (result.signal) return `was ended by ${result.signal}`;
  return `ended with exit code ${result.code}`;
}
