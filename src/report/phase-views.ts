import type { Catalog } from '../catalog/model.js';
import { allKinds } from '../kinds/all.js';
import type { ColumnRef, Plan, TablesPhase } from '../plan/model.js';
import { substitutionOf } from '../substitution/domains.js';
import { catalogAfter, legacyAfter } from '../substitution/predict.js';
import { type PhaseStatements, statementsOf } from '../substitution/statements.js';
import { PhaseView } from '../substitution/view.js';

export interface SeenPhase {
  phase: TablesPhase;
  view: PhaseView;
  statements: PhaseStatements;
  /** what its catalog is: as preflight stored it, as it is now, or as earlier phases will leave it */
  basis: 'stored' | 'now' | 'foretold';
}

/** What schema rekey says of a phase that has begun. */
export interface BegunPhase {
  phase: string;
  state: 'open' | 'done' | 'rolled-back';
  cutOver: boolean;
  catalog: Catalog | null;
}

/**
 * Every phase with tables with the catalog it goes by: that of its preflight where it has begun, else the one that the
 * phases before it leave behind. Pure.
 */
export function seePhases(
  plan: Plan,
  now: { catalog: Catalog; legacyColumns: ColumnRef[] },
  begun: BegunPhase[],
): SeenPhase[] {
  const seen: SeenPhase[] = [];
  let { catalog, legacyColumns } = now;
  let basis: SeenPhase['basis'] = 'now';
  for (const phase of plan.phases) {
    if (phase.kind !== 'tables') continue;
    const record = begun.find((p) => p.phase === phase.phase && p.state !== 'rolled-back');
    const stored = record?.catalog ?? null;
    const view = viewOf(plan, phase, stored ?? catalog, legacyColumns);
    seen.push({ phase, view, statements: statementsOf(view, allKinds), basis: stored ? 'stored' : basis });
    // the cutover has happened: what is there now is what it left
    if (record?.cutOver) continue;
    catalog = catalogAfter(view, allKinds);
    legacyColumns = legacyAfter(view);
    basis = 'foretold';
  }
  return seen;
}

/** One phase on the catalog as it is, whatever comes before it. Pure. */
export function seePhase(
  plan: Plan,
  phase: TablesPhase,
  now: { catalog: Catalog; legacyColumns: ColumnRef[] },
): SeenPhase {
  const view = viewOf(plan, phase, now.catalog, now.legacyColumns);
  return { phase, view, statements: statementsOf(view, allKinds), basis: 'now' };
}

function viewOf(plan: Plan, phase: TablesPhase, catalog: Catalog, legacyColumns: ColumnRef[]): PhaseView {
  return new PhaseView(substitutionOf(plan, phase, catalog, legacyColumns), catalog, phase);
}
