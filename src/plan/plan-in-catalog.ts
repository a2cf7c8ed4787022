import { type KeyIndex, phaseOfDomains } from './domains.js';
import type { ColumnRef, Plan, TableId } from './model.js';
import { didYouMean } from './nearest.js';
import { type PlanPath, type PlanProblem, problem } from './problems.js';

/** A plan beside the catalog that it is for: which phase moves what, and whether names are there or free. */
export class PlanInCatalog {
  readonly phaseOf: Map<string, string>;
  private readonly order: Map<string, number>;

  constructor(
    readonly plan: Plan,
    readonly index: KeyIndex,
  ) {
    this.phaseOf = phaseOfDomains(plan, index);
    this.order = new Map(plan.phases.map((p, i) => [p.phase, i]));
  }

  columnIsThere(ref: ColumnRef, path: PlanPath): PlanProblem[] {
    const missing = this.tableIsThere(ref.table, path);
    if (missing.length > 0 || this.index.column(ref)) return missing;
    const meant = didYouMean(ref.column, this.index.columnNames(ref.table));
    const message = `the table ${ref.table} has no column "${ref.column}"${meant}`;
    return [problem('unknown-column', path, message, 'Name a column of the table; case counts.')];
  }

  tableIsThere(table: TableId, path: PlanPath): PlanProblem[] {
    if (this.index.tables.has(table)) return [];
    const message = `there is no table ${table}${didYouMean(table, this.index.tables.keys())}`;
    return [
      problem('unknown-table', path, message, 'Name a table as in the catalog: [schema.]table; case counts.'),
    ];
  }

  nameIsFree(table: TableId, name: string, path: PlanPath): PlanProblem[] {
    if (!this.index.column({ table, column: name })) return [];
    const word = path.at(-1);
    return [
      problem(
        'name-taken',
        path,
        `${table} has a column "${name}" already`,
        `Give another name with ${word}.`,
      ),
    ];
  }

  listedPhase(table: TableId): string | null {
    const found = this.plan.phases.find(
      (p) => p.kind === 'tables' && p.tables.some((t) => t.table === table),
    );
    return found?.phase ?? null;
  }

  rank(phase: string | undefined): number {
    return phase === undefined ? -1 : (this.order.get(phase) ?? -1);
  }

  isLater(a: string, b: string): boolean {
    return this.rank(a) > this.rank(b);
  }
}
