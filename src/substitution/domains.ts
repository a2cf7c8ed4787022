import type { Catalog } from '../catalog/model.js';
import type { ColumnRef, Plan, TablesPhase } from '../plan/model.js';
import { adoptedDomain } from './adopted-domain.js';
import { Closure } from './closure.js';
import { derivedDomain } from './derived-domain.js';
import type { Substitution } from './model.js';
import { surrogateDomain } from './surrogate-domain.js';

/**
 * Plan and catalog give the substitution of a phase: the closure of each listed key over declared foreign keys and
 * references. Derived keys come first: others adopt them, or are made of references to them. Pure.
 */
export function substitutionOf(
  plan: Plan,
  phase: TablesPhase,
  catalog: Catalog,
  legacyColumns: ColumnRef[],
): Substitution {
  const closure = new Closure(plan, phase, catalog, legacyColumns);
  const { tables } = phase;
  for (const planned of tables)
    if (planned.key.source === 'derived' || planned.key.source === 'stored') derivedDomain(closure, planned);
  for (const planned of tables) if (planned.key.source === 'adopted') adoptedDomain(closure, planned);
  for (const planned of tables) if (planned.key.source === 'surrogate') surrogateDomain(closure, planned);
  return closure.substitution();
}
