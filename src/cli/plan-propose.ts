import type { Command } from 'commander';
import { loadPlanText } from '../plan/load.js';
import { proposePlan } from '../plan/propose.js';
import { keyFactsOf } from '../substitution/key-facts.js';
import { readDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { printExactly } from './output.js';

export function addPlanPropose(plan: Command, done: (code: ExitCode) => void): void {
  plan
    .command('propose')
    .description('a plan for a database, from its catalog alone, as YAML')
    .argument('<connection>', 'name of a connection')
    .option('--plan <name>', 'what the plan is called; the name of the database unless said')
    .option('--json', 'for machines: name, phases and the YAML text')
    .action(async (connection: string, options: { plan?: string; json?: boolean }) => {
      const { catalog, legacyColumns } = await readDatabase(connection);
      const yaml = proposePlan(keyFactsOf(catalog, legacyColumns), options.plan ?? catalog.database);
      printExactly(options.json ? proposalJson(yaml) : yaml);
      done(exitCodes.fine);
    });
}

function proposalJson(yaml: string): object {
  const plan = loadPlanText(yaml, 'proposed.yaml');
  return {
    plan: plan.plan,
    phases: plan.phases.map((p) => ({
      phase: p.phase,
      kind: p.kind,
      tables: p.kind === 'tables' ? p.tables.map((t) => t.table) : [],
    })),
    yaml,
  };
}
