import type { Hazard } from '../../errors.js';
import type { Phase } from '../../plan/model.js';
import { didYouMean } from '../../plan/nearest.js';
import { variablesIn } from '../../plan/variables.js';
import type { Hooks } from '../hooks-file.js';

/**
 * What a phase names and this worker does not know. Else it would be missed when it is needed: a hook that starts the
 * application again, say, after the cutover. Pure; of variables no value is shown.
 */
export function unknownToWorker(
  phase: Phase,
  hooks: Hooks,
  environment: Record<string, string | undefined>,
): Hazard[] {
  const checks = phase.checks.map(({ what }) => what);
  const named = [
    ...Object.values(phase.hooks),
    ...checks.flatMap((what) => ('hook' in what ? [what.hook] : [])),
  ];
  const variables = checks.flatMap((what) => ('http' in what ? variablesIn(JSON.stringify(what.http)) : []));
  return [
    ...[...new Set(named)]
      .filter((name) => !hooks.has(name))
      .map(
        (name): Hazard => ({
          hazard: 'hook-missing',
          rank: 'stop',
          on: `hook ${name}`,
          message: `the worker has no hook "${name}"${didYouMean(name, hooks.keys())}`,
          remedy:
            'add it to the file that REKEY_HOOKS names on every worker, then resolve with retry; or correct the name in the plan',
        }),
      ),
    ...[...new Set(variables)]
      .filter((name) => environment[name] === undefined)
      .map(
        (name): Hazard => ({
          hazard: 'variable-missing',
          rank: 'stop',
          on: `variable ${name}`,
          message: `a check of the plan uses the environment variable ${name}, which the worker does not have`,
          remedy: `set ${name} in the environment of every worker, start it again, then resolve with retry`,
        }),
      ),
  ];
}
