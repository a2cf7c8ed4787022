import type { Command } from 'commander';
import { findPhase } from '../plan/normal.js';
import { type DryRunPhase, type DryRunStep, dryRun } from '../report/dry-run.js';
import { seePhases } from '../report/phase-views.js';
import { readDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { columns, plural } from './layout.js';
import { printExactly } from './output.js';
import { findPlan } from './plan-file.js';

export function addDryRun(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('dry-run')
    .description('every statement of a plan on a database, in order, to the letter; changes nothing')
    .argument('<plan>', 'name of a plan in REKEY_PLANS, or the path of its file')
    .argument('<connection>', 'name of a connection')
    .option('--phase <phase>', 'this phase only')
    .option('--rollback', 'the way back as well')
    .option('--json', 'for machines')
    .action(
      async (
        name: string,
        connection: string,
        options: { phase?: string; rollback?: boolean; json?: boolean },
      ) => {
        const { plan } = await findPlan(name);
        if (options.phase !== undefined) findPhase(plan, options.phase);
        const now = await readDatabase(connection, { catalogs: true });
        const all = dryRun(plan, seePhases(plan, now, now.phases));
        const shown = all.filter((p) => options.phase === undefined || p.phase === options.phase);
        const phases = options.rollback ? shown : shown.map((p) => ({ ...p, rollback: [] }));
        printExactly(
          options.json ? { plan: plan.plan, database: now.catalog.database, phases } : dryRunText(phases),
        );
        done(
          shown.some((p) => p.hazards.some((h) => h.rank === 'stop')) ? exitCodes.problems : exitCodes.fine,
        );
      },
    );
}

const preface = [
  "-- What a run executes on the application's tables, in its order and to the letter. Nothing was changed.",
  '-- A comment names the object and the lock. "access exclusive" and "share row exclusive" are taken by a LOCK first,',
  '-- under the budget of the plan; what the catalog shows to be done is left out. Not listed: what Rekey writes down in',
  '-- its own schema meanwhile, what it reads to check and validate, backups and hooks.',
];

const basisText = {
  stored: 'This phase has begun: its statements come from the catalog that its preflight stored.',
  now: 'From the catalog as it is now.',
  foretold: 'From the catalog as the cutovers of the phases before it will leave it.',
};

/** An SQL file to read: what is no statement is a comment. */
export function dryRunText(phases: DryRunPhase[]): string {
  const rows = phases.map((p) => [
    '--',
    p.phase,
    p.kind,
    plural(count(p.steps), 'statement'),
    p.rollback.length ? `${count(p.rollback)} for the way back` : '',
  ]);
  return [...preface, '--', columns(rows, [3], 0), '', phases.map(phaseText).join('\n')].join('\n');
}

function phaseText(phase: DryRunPhase): string {
  const bar = '='.repeat(78);
  const head = [
    `-- ${bar}`,
    `-- phase ${phase.phase} (${phase.kind}), ${plural(count(phase.steps), 'statement')}`,
    ...(phase.basis ? [`-- ${basisText[phase.basis]}`] : []),
    ...phase.hazards.map((h) => `-- HAZARD (${h.rank}) ${h.on}: ${h.message}`),
    `-- ${bar}`,
  ];
  const steps = phase.steps.map((s) => stepText(phase.phase, s));
  const back = phase.rollback.map((s) => stepText(`${phase.phase}, the way back`, s));
  return `${[...head, '', ...steps, ...back].join('\n')}`;
}

function stepText(phase: string, { step, notes, statements }: DryRunStep): string {
  const head = [`-- ---- ${phase}: ${step}`, ...notes.map((n) => `--      ${n}`)];
  const isCutover = /^swapKeys(Back)?$/.test(step);
  const lines: string[] = [];
  let before = '';
  for (const { text, object, lock } of statements) {
    const comment = `-- ${oneLine(object)}${lock === null ? '' : ` | ${oneLine(lock)}`}`;
    if (comment !== before) lines.push(comment);
    before = comment;
    lines.push(`${text};`);
  }
  if (statements.length === 0) lines.push('-- no statement');
  return [...head, ...(isCutover ? ['begin;', ...lines, 'commit;'] : lines), ''].join('\n');
}

const count = (steps: DryRunStep[]) => steps.reduce((n, s) => n + s.statements.length, 0);

/** A name may have a line break in it, and a comment ends with its line. */
const oneLine = (text: string) => text.replaceAll(/[\r\n]+/g, ' ');
