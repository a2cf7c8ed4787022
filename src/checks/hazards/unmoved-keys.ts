import type { Hazard } from '../../errors.js';
import type { ForeignKey } from '../../kinds/foreign-key.js';
import type { UniqueKey } from '../../kinds/unique-key.js';
import { integerKeysInNoPhase } from '../../plan/domains.js';
import type { HazardContext } from './context.js';

/** Integer keys that no phase moves: perhaps on purpose. Those of phases that are done are UUIDs by now. */
export function unmovedKeys({ plan, view }: HazardContext): Hazard[] {
  const legacy = new Set(view.substitution.legacyColumns.map((c) => `${c.table}.${c.column}`));
  const objects = view.catalog.objects.filter(
    (o) => !o.names.some((c) => legacy.has(`${c.table}.${c.column}`)),
  );
  const uniques = objects.filter((o) => o.kind === 'unique-key') as UniqueKey[];
  const found = integerKeysInNoPhase(plan, {
    tables: view.catalog.tables,
    primaryKeys: uniques.filter((k) => k.primary),
    foreignKeys: objects.filter((o) => o.kind === 'foreign-key') as ForeignKey[],
    uniques: uniques.filter((k) => !k.primary),
  });
  return found.map(({ table, column, type }) => ({
    hazard: 'key-in-no-phase',
    rank: 'note',
    on: `${table}.${column}`,
    message: `the key ${table}.${column} (${type}) moves in no phase`,
    remedy: `list ${table} in a phase, if it is to move`,
  }));
}
