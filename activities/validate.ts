import { quoteAsPostgres } from '../src/catalog/quote-as-postgres.js';
import { dumpDifference } from '../src/checks/dump-difference.js';
import { loadHooks } from '../src/checks/hooks-file.js';
import { runPlanChecks } from '../src/checks/plan-checks.js';
import { validate as validateData } from '../src/checks/validation.js';
import { allKinds } from '../src/kinds/all.js';
import { readDocument } from '../src/postgres/documents.js';
import { writeJournal } from '../src/postgres/journal.js';
import { readOthers } from '../src/postgres/taken-along.js';
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
    const began = performance.now();
    const result: ValidationResult = { passed: true, checks: 0, failures: [], seconds: 0, probes: [] };
    // a phase that was rolled back before preflight kept its catalog has changed nothing, and an older dump says nothing
    const untouched = input.when === 'after-rollback' && work.record.catalogDocument === null;
    if (work.phase.kind === 'tables' && !untouched) await validateTables(work, input.when, result);
    if (input.when === 'after-rollback' && !untouched) await compareDumps(work, result);
    await lookAtApplication(work, input.when, result);
    result.passed = result.failures.length === 0;
    result.failures = result.failures.slice(0, 20);
    result.seconds = (performance.now() - began) / 1000;
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
  const others = when === 'after-rollback' ? await readOthers(work.session, work.ref.phase) : [];
  const moment = when === 'waiting' || when === 'after-drop' ? 'before-swap' : when;
  const validated = await validateData(work.session, view, allKinds, moment, {
    heartbeat: () => work.heartbeat({ doing: 'validate' }),
    onFinding: (finding) => keepFinding(work, finding),
  });
  result.checks += validated.checks;
  for (const object of validated.notThere)
    await writeJournal(work.session, work.scope, {
      kind: 'note',
      object,
      detail: {
        notCompared: `${object} is not there any more, so nothing of it can be compared with what it was; all that is there was compared`,
      },
    });
  // what others changed or dropped is as they left it, and no rollback of ours gives it back
  const byOthers = new Set(others.map((name) => name.replace(/^(\S+) (.*) on (.*)$/, '$1 $3.$2')));
  result.failures.push(
    ...validated.failures.filter(
      ({ check, on }) => check !== 'object-not-restored' || !isByOthers(on, byOthers),
    ),
  );
}

/** `index people.people_name` is the catalog's name of the fingerprint's `index people_name`. */
function isByOthers(on: string, byOthers: ReadonlySet<string>): boolean {
  const [kind = '', name = ''] = [on.slice(0, on.indexOf(' ')), on.slice(on.indexOf(' ') + 1)];
  const own = name.slice(name.lastIndexOf('.') + 1);
  const kinds = constraintKinds.has(kind) ? ['constraint', 'index', 'column'] : [kind, 'column'];
  return kinds.some((one) => byOthers.has(`${one} ${name}`) || byOthers.has(`${one} ${own}`));
}

const constraintKinds = new Set(['unique-key', 'foreign-key', 'check', 'not-null', 'exclusion constraint']);

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

async function tablesInDump(work: StepWork): Promise<string[]> {
  const { view } = await toPhaseWork(work);
  return view.substitution.tables.map(
    (table) => `${quoteAsPostgres(view.schemaOf(table))}.${quoteAsPostgres(view.nameOf(table))}`,
  );
}

/** A sequence goes with the column or table that owns it, and no fingerprint has it. */
async function namesOfOthers(work: StepWork): Promise<string[]> {
  const others = await readOthers(work.session, work.ref.phase);
  const { catalog } = await toPhaseWork(work);
  const sequences = catalog.tables.flatMap(({ id, columns }) =>
    columns.flatMap(({ name, sequence }) =>
      sequence && (others.includes(`table ${id}`) || others.includes(`column ${name} on ${id}`))
        ? [sequence.name]
        : [],
    ),
  );
  return [...others, ...sequences];
}

/** After a rollback pg_dump gives the bytes that it gave before the phase, but for what others did meanwhile. */
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
  const { gone, appeared } = dumpDifference(
    before,
    after,
    await tablesInDump(work),
    await namesOfOthers(work),
  );
  if (gone.length + appeared.length === 0) {
    await writeJournal(work.session, work.scope, {
      kind: 'note',
      object: work.ref.phase,
      detail: { differs: 'the schema has what others made, changed or dropped since preflight' },
    });
    return;
  }
  const count = Math.max(gone.length, appeared.length);
  await keepFinding(work, {
    check: 'schema dump',
    on: work.ref.phase,
    count,
    // lines of the schema, for who has to mend it
    example: { gone: gone.slice(0, 5).join('\n'), appeared: appeared.slice(0, 5).join('\n') },
  });
  result.failures.push({ check: 'schema dump', on: work.ref.phase, count, reason: 'validation' });
}
