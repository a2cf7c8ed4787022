import type { DeclaredReference, TableId } from './model.js';
import { formatColumn } from './names.js';
import { PlanInCatalog } from './plan-in-catalog.js';
import { type PlanPath, type PlanProblem, problem } from './problems.js';

/** Whether the references that a plan declares are there, can hold keys, and lead to keys that move. */
export class ReferenceCheck extends PlanInCatalog {
  reference(reference: DeclaredReference, path: PlanPath): PlanProblem[] {
    const found = this.columnIsThere(reference.from, [...path, 'from']);
    if (reference.by !== null && this.index.tables.has(reference.from.table)) {
      found.push(
        ...this.columnIsThere({ table: reference.from.table, column: reference.by }, [...path, 'by']),
      );
    }
    const column = this.index.column(reference.from);
    if (column && !holdsReferences(column.type, reference)) {
      const wanted =
        reference.path !== null ? 'json or jsonb' : reference.each ? 'an array of integers' : 'an integer';
      const message = `${formatColumn(reference.from)} has the type ${column.type}, not ${wanted}`;
      found.push(
        problem(
          'reference-type',
          [...path, 'from'],
          message,
          'Say with path or each where in the value the keys are, or take the reference out.',
        ),
      );
    }
    return [...found, ...targets(reference).flatMap((target) => this.target(target, [...path, 'to']))];
  }

  private target(target: TableId, path: PlanPath): PlanProblem[] {
    const missing = this.tableIsThere(target, path);
    if (missing.length > 0) return missing;
    const columns = this.index.key(target) ?? [];
    if (columns.length !== 1) {
      return [
        problem(
          'reference-target',
          path,
          `${target} has no key of one column that could be referred to`,
          'Name another table.',
        ),
      ];
    }
    if (this.phaseOf.has(this.index.domain({ table: target, column: columns[0]! }))) return [];
    return [
      problem(
        'target-in-no-phase',
        path,
        `the key of ${target} moves in no phase`,
        `List ${target}, or take the reference out.`,
      ),
    ];
  }

  movesInOneOf(reference: DeclaredReference, phases: readonly string[]): boolean {
    const moves = targets(reference).map((table) =>
      this.phaseOf.get(this.index.domain({ table, column: this.index.key(table)?.[0] ?? '' })),
    );
    const last = moves.toSorted((a, b) => this.rank(a) - this.rank(b)).at(-1);
    return last === undefined || phases.includes(last);
  }
}

function targets(reference: DeclaredReference): TableId[] {
  return typeof reference.to === 'string' ? [reference.to] : Object.values(reference.to);
}

function holdsReferences(type: string, { path, each }: DeclaredReference): boolean {
  if (path !== null) return type === 'json' || type === 'jsonb';
  if (each !== null)
    return /^(smallint|integer|bigint)\[\]/.test(type) || type === 'json' || type === 'jsonb';
  return /^(smallint|integer|bigint)$/.test(type);
}
