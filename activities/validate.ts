import { loadHooks } from '../src/checks/hooks-file.js';
import { runPlanChecks } from '../src/checks/plan-checks.js';
import { validate as validateData } from '../src/checks/validation.js';
import { allKinds } from '../src/kinds/all.js';
import { readDocument } from '../src/postgres/documents.js';
import { writeJournal } from '../src/postgres/journal.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, ValidationMoment, ValidationResult } from './contract.js';
import { keepFinding } from './keep-finding.js';
import { type StepWork, toPhaseWork, withStep } from './phase-work.js';
import { dumpOf, schemaDumpOf } from './preflight.js';
import { compareProbes, measurePhase } from './probes.js';

/** What validation means: see the design's section 8. Results are names and counts; examples lie in rekey.finding. */
export function validate(
  input: PhaseRef & { when: ValidationMoment },
  attempt: Attempt,
): Promise<ValidationResult> {
  return withStep('validate', input, attempt, async (work) => {
    const began = Date.now();
    const result: ValidationResult = { passed: true, checks: 0, failures: [], seconds: 0, probes: [] };
    // a phase that was rolled back before preflight kept its catalog has changed nothing, and an older dump says nothing
    const untouched = input.when === 'after-rollback' && work.record.catalogDocument === null;
    if (work.phase.kind === 'tables' && !untouched) await validateTables(work, input.when, result);
    if (input.when === 'after-rollback' && !untouched) await compareDumps(work, result);
    await lookAtApplication(work, input.when, result);
    result.passed = result.failures.length === 0;
    result.failures = result.failures.slice(0, 20);
    result.seconds = (Date.now() - began) / 1000;
    await writeJournal(work.session, work.scope, { kind: 'validation', object: input.when, detail: result });
    return result;
  });
}

async function validateTables(
  work: StepWork,
  when: ValidationMoment,
  result: ValidationResult,
): Promise<void> {
  const { view } = await toPhaseWork(work);
  const moment = when === 'waiting' || when === 'after-drop' ? 'before-swap' : when;
  const validated = await validateData(work.session, view, allKinds, moment, {
    heartbeat: () => work.heartbeat({ doing: 'validate' }),
    onFinding: (finding) => keepFinding(work, finding),
  });
  result.checks += validated.checks;
  result.failures.push(...validated.failures);
}

/** Probes and the plan's own checks: what the application sees of the new keys, and of the old ones after a rollback. */
async function lookAtApplication(
  work: StepWork,
  when: ValidationMoment,
  result: ValidationResult,
): Promise<void> {
  // just before the cutover, and not while a gate waits: the figures of this hour are the ones to compare with
  if (when === 'before-swap') return measurePhase(work, work.phase, 'before-swap');
  if (when === 'waiting') return;
  await compareProbes(work, when, result);
  const checked = await runPlanChecks(work.session, work.phase, {
    hooks: await loadHooks(process.env.REKEY_HOOKS),
    plan: work.plan.plan,
    key: `${work.ref.run.runId} ${when}`,
    heartbeat: () => work.heartbeat({ doing: "the plan's checks" }),
    signal: work.signal,
    onFinding: (finding) => keepFinding(work, finding),
    onHook: async (hook) => {
      await writeJournal(work.session, work.scope, {
        kind: 'hook',
        object: hook.hook,
        durationMs: hook.ms,
        detail: hook,
      });
    },
  });
  result.checks += checked.checks;
  result.failures.push(...checked.failures);
}

/** After a rollback pg_dump gives the bytes that it gave before the phase. */
async function compareDumps(work: StepWork, result: ValidationResult): Promise<void> {
  const [row] = await work.session.query<{ value: string }>(
    'select value from rekey.setting where name = $1',
    [`schema-dump ${work.ref.phase}`],
  );
  const before = row ? await readDocument(work.session, row.value) : null;
  if (before === null) return;
  result.checks += 1;
  // programs that were there for the first dump and are not now are a failure of the step, not of the data
  const after = (await dumpOf(work)) ?? (await schemaDumpOf(work));
  if (after === before) return;
  const [was, is] = [before.split('\n'), after.split('\n')];
  const gone = was.filter((line) => !is.includes(line));
  const appeared = is.filter((line) => !was.includes(line));
  const count = Math.max(1, gone.length, appeared.length);
  await keepFinding(work, {
    check: 'schema dump',
    on: work.ref.phase,
    count,
    // lines of the schema, for who has to mend it
    example: { gone: gone.slice(0, 5).join('\n'), appeared: appeared.slice(0, 5).join('\n') },
  });
  result.failures.push({ check: 'schema dump', on: work.ref.phase, count, reason: 'validation' });
}
