import type { Command } from 'commander';
import { phaseHash, planDocumentHash } from '../plan/hash.js';
import type { Plan } from '../plan/model.js';
import { findPhase } from '../plan/normal.js';
import { showPlan } from '../plan/show.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { columns, plural } from './layout.js';
import { printExactly } from './output.js';
import { findPlan } from './plan-file.js';

export function addPlanShow(parent: Command, done: (code: ExitCode) => void): void {
  parent
    .command('show')
    .description('a plan with every default filled in, and the hash that decisions about each phase name')
    .argument('<plan>', 'name of a plan in REKEY_PLANS, or the path of its file')
    .option('--phase <phase>', 'this phase only')
    .option('--json', 'for machines')
    .action(async (name: string, options: { phase?: string; json?: boolean }) => {
      const { plan } = await findPlan(name);
      if (options.phase !== undefined) findPhase(plan, options.phase);
      printExactly(options.json ? planJson(plan, options.phase) : planText(plan, options.phase));
      done(exitCodes.fine);
    });
}

/** Comments with the hashes, then the plan: the whole of it is YAML that loads again to the same plan. */
export function planText(plan: Plan, phase?: string): string {
  const shown = phase === undefined ? plan.phases : plan.phases.filter((p) => p.phase === phase);
  const rows = shown.map((p) => [
    `# ${p.phase}`,
    phaseHash(plan, p.phase),
    p.kind === 'tables' ? plural(p.tables.length, 'table') : p.kind,
    p.risk === null ? '' : `risk: ${p.risk}`,
  ]);
  const head = phase === undefined ? `# plan ${plan.plan}, ${planDocumentHash(plan)}\n` : '';
  return `${head}# Decisions about a phase name its hash:\n${columns(rows, [], 0)}\n\n${showPlan({ ...plan, phases: shown })}`;
}

export function planJson(plan: Plan, phase?: string): object {
  const shown = phase === undefined ? plan.phases : plan.phases.filter((p) => p.phase === phase);
  return {
    planHash: planDocumentHash(plan),
    hashes: Object.fromEntries(shown.map((p) => [p.phase, phaseHash(plan, p.phase)])),
    plan: { ...plan, phases: shown },
  };
}
