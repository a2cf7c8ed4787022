import type { Hazard } from '../../errors.js';
import { declaredOrphanChecks, orphanChecks } from '../validation/orphans.js';
import { runTableChecks } from '../validation/run-table.js';
import { TableChecks } from '../validation/table-checks.js';
import type { HazardContext } from './context.js';

/** References that lead nowhere, under declared foreign keys (valid ones, too) and under references of the plan. */
export async function orphans({
  view,
  plan,
  database,
  onFinding,
  heartbeat,
}: HazardContext): Promise<Hazard[]> {
  const found: Hazard[] = [];
  for (const table of view.substitution.tables) {
    const checks = new TableChecks(view, table);
    orphanChecks(view, table, 'before-swap', checks);
    declaredOrphanChecks(view, table, plan.references, checks);
    for (const { check, count } of await runTableChecks(database, view, checks, 'before-swap', {
      onFinding,
      heartbeat,
    }))
      if (count > 0)
        found.push({
          hazard: 'orphans',
          rank: 'stop',
          on: check.on,
          message: `${count} rows of ${table} refer by ${check.on.slice(table.length + 1)} to rows that are not there`,
          remedy: 'look at examples with `rekey findings`, then repair or delete the rows',
          count,
        });
  }
  return found;
}
