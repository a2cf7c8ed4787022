import type { Hazard } from '../../errors.js';
import type { Plan, TablesPhase } from '../../plan/model.js';
import type { PhaseStatements } from '../../substitution/statements.js';
import type { PhaseView } from '../../substitution/view.js';
import type { Database } from '../database.js';
import type { OnFinding } from '../findings.js';

/** All that a family of hazards may look at. */
export interface HazardContext {
  plan: Plan;
  phase: TablesPhase;
  view: PhaseView;
  statements: PhaseStatements;
  database: Database;
  /** examples of what is counted */
  onFinding?: OnFinding;
  /** called before long queries; may throw to stop */
  heartbeat?: () => void;
  /** bytes, as the connection's hook `free-disk` says; null where there is no such hook */
  freeDisk: number | null;
}

/** Looks for one kind of thing. Changes nothing; locks: ACCESS SHARE. */
export type HazardFamily = (context: HazardContext) => Promise<Hazard[]> | Hazard[];

/** Names and oids of the phase's tables, as PostgreSQL has them. */
export function tableOids(context: HazardContext): number[] {
  const { tables } = context.view.substitution;
  return context.view.catalog.tables.filter((t) => tables.includes(t.id)).map((t) => t.oid);
}

/** A table by its oid, as the plan calls it. */
export function tableOf(context: HazardContext, oid: number): string {
  return context.view.catalog.tables.find((t) => t.oid === Number(oid))?.id ?? String(oid);
}
