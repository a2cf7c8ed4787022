import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';

/** Tables that are more than a plain table, and row security that hides rows from their owner. */
export function tableKinds({ view }: HazardContext): Hazard[] {
  const found: Hazard[] = [];
  for (const table of view.catalog.tables) {
    if (!view.substitution.tables.includes(table.id)) continue;
    const kind =
      table.kind === 'partitioned'
        ? 'a partitioned table'
        : table.isPartition
          ? 'a partition'
          : table.kind === 'foreign'
            ? 'a foreign table'
            : table.persistence === 'temporary'
              ? 'a temporary table'
              : table.inherits
                ? 'a table with inheritance'
                : null;
    if (kind !== null)
      found.push({
        hazard: 'not-carried-over-yet',
        rank: 'stop',
        on: table.id,
        message: `${table.id} is ${kind}, which is not carried over yet`,
        remedy: 'leave the keys that it has or refers to out of the plan',
      });
    if (table.forceRowSecurity)
      found.push({
        hazard: 'forced-row-security',
        rank: 'stop',
        on: table.id,
        message: `${table.id} has FORCE ROW LEVEL SECURITY: its policies would hide rows from Rekey`,
        remedy: `alter table ${view.sqlTable(table.id)} no force row level security, for the time of the phase`,
      });
  }
  return found;
}
