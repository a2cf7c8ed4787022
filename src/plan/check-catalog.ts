import { isInteger, type KeyFacts, KeyIndex, phaseOfDomains } from './domains.js';
import type { ColumnRef, DeclaredReference, Plan, PlannedKey, TableId } from './model.js';
import { formatColumn, tablesNamedBy } from './names.js';
import { didYouMean } from './nearest.js';
import {
  formatPath,
  type Locate,
  type PlanErrors,
  type PlanPath,
  type PlanProblem,
  planErrors,
} from './problems.js';

export interface CheckOptions {
  /** finds the words of the file again: LoadedPlan.locate; without it errors have the path alone */
  locate?: Locate;
  /** the phases to look at: those that are done have no integers left. All where it is left out. */
  phases?: readonly string[];
}

/** What a plan asks for that this catalog does not have; null where nothing is wrong. Pure. */
export function checkPlanAgainst(plan: Plan, facts: KeyFacts, options: CheckOptions = {}): PlanErrors | null {
  const problems = catalogProblems(plan, facts, options.phases);
  const locate = options.locate ?? ((path) => formatPath(path, (i) => plan.phases[i]?.phase));
  return problems.length === 0 ? null : planErrors(problems, locate);
}

export function catalogProblems(plan: Plan, facts: KeyFacts, phases?: readonly string[]): PlanProblem[] {
  const check = new CatalogCheck(plan, new KeyIndex(facts));
  return plan.phases
    .flatMap((phase, i) => {
      if (phases && !phases.includes(phase.phase)) return [];
      if (phase.kind === 'tables') {
        return phase.tables.flatMap((t, j) =>
          check.table(phase.phase, t.table, t.key, ['phases', i, 'tables', j]),
        );
      }
      if (phase.kind !== 'cleanup') return [];
      return phase.redundant.flatMap((ref, j) => check.columnIsThere(ref, ['phases', i, 'redundant', j]));
    })
    .concat(
      plan.references.flatMap((reference, i) =>
        phases === undefined || check.movesInOneOf(reference, phases)
          ? check.reference(reference, ['references', i])
          : [],
      ),
    )
    .concat(check.acceptances());
}

class CatalogCheck {
  private readonly phaseOf: Map<string, string>;
  private readonly order: Map<string, number>;

  constructor(
    private readonly plan: Plan,
    private readonly index: KeyIndex,
  ) {
    this.phaseOf = phaseOfDomains(plan, index);
    this.order = new Map(plan.phases.map((p, i) => [p.phase, i]));
  }

  table(phase: string, table: TableId, key: PlannedKey, path: PlanPath): PlanProblem[] {
    const missing = this.tableIsThere(table, path);
    if (missing.length > 0) return missing;
    const columns = this.index.key(table);
    if (columns === null) {
      return [
        problem(
          'no-key',
          path,
          `${table} has no primary key`,
          'Give it one, or take it out: its references move without being listed.',
        ),
      ];
    }
    if (this.index.tables.get(table)?.isPartition) {
      return [
        problem(
          'partition',
          path,
          `${table} is a partition`,
          'List the partitioned table: its partitions move with it.',
        ),
      ];
    }
    switch (key.source) {
      case 'surrogate':
        return this.surrogate(table, columns, key, path);
      case 'adopted':
        return [
          ...this.oneIntegerKey(table, columns, path),
          ...this.adopted(phase, table, columns, key, path),
        ];
      case 'stored':
        return [...this.ownKey(phase, table, columns, path), ...this.stored(table, key.column, path)];
      case 'derived':
        return [...this.ownKey(phase, table, columns, path), ...this.timeColumn(table, key.time, path)];
    }
  }

  private oneIntegerKey(table: TableId, columns: string[], path: PlanPath): PlanProblem[] {
    if (columns.length > 1) {
      const message = `the key of ${table} is composite (${columns.join(', ')})`;
      const follows = columns.every((column) => this.index.parentsOf({ table, column }).length > 0);
      const remedy = `${follows ? 'Take it out: a key made of references moves with what it refers to. Or' : 'Take it out, or'} give it a key of its own: {table: ${table}, key: {surrogate: id}}`;
      return [problem('composite-key', path, message, remedy)];
    }
    const column = this.index.column({ table, column: columns[0]! });
    if (!column || isInteger(column)) return [];
    const message = `the key ${formatColumn({ table, column: column.name })} has the type ${column.type}, which is no integer`;
    const remedy =
      column.type === 'uuid'
        ? 'Take the table out: its key is a UUID already.'
        : 'Take the table out: only integer keys move.';
    return [problem('key-not-integer', path, message, remedy)];
  }

  /** A key that is no reference, or one whose parent is listed in the same phase. */
  private ownKey(phase: string, table: TableId, columns: string[], path: PlanPath): PlanProblem[] {
    const wrong = this.oneIntegerKey(table, columns, path);
    if (wrong.length > 0) return wrong;
    const ref = { table, column: columns[0]! };
    const [parent] = this.index.parentsOf(ref);
    if (parent === undefined) {
      const first = this.phaseOf.get(this.index.domain(ref));
      if (first === undefined || first === phase) return [];
      const message = `foreign keys tie the key of ${table} to one that moves in the phase ${first}: they can only move together`;
      return [problem('domain-in-two-phases', path, message, `List ${table} in ${first}.`)];
    }
    const moves = this.listedPhase(parent) ?? this.phaseOf.get(this.index.domain(ref));
    const where = `the key of ${table} refers to ${parent}, `;
    if (this.listedPhase(parent) === null && moves === phase) {
      return [
        problem(
          'key-is-reference',
          path,
          `${where}which no phase lists`,
          `List ${parent} instead: ${table} moves with it.`,
        ),
      ];
    }
    if (moves === phase) return [];
    const message = `${where}which moves in the phase ${moves}: they can only move together`;
    return [
      problem('key-is-reference', path, message, `Take ${table} out: it moves with ${parent} in ${moves}.`),
    ];
  }

  private adopted(
    phase: string,
    table: TableId,
    columns: string[],
    key: { adopt: string; as: string },
    path: PlanPath,
  ): PlanProblem[] {
    const at = [...path, 'key', 'adopt'];
    const ref = { table, column: key.adopt };
    const missing = this.columnIsThere(ref, at);
    if (missing.length > 0) return missing;
    const found: PlanProblem[] = [];
    const shown = formatColumn(ref);
    const parents = this.index.parentsOf(ref);
    if (columns.includes(key.adopt)) {
      found.push(
        problem(
          'adopted-key',
          at,
          `${shown} is the key itself`,
          'Take the table out: its key moves with what it refers to.',
        ),
      );
    } else if (parents.length === 0) {
      found.push(
        problem(
          'adopted-no-reference',
          at,
          `${shown} refers to no other table by a foreign key`,
          'Adopt a column that has a foreign key.',
        ),
      );
    }
    if (!this.index.isUnique(ref)) {
      found.push(
        problem(
          'adopted-not-unique',
          at,
          `${shown} has no unique constraint of its own`,
          `Add one, or let ${table} have a derived key.`,
        ),
      );
    }
    if (!this.index.column(ref)!.notNull) {
      found.push(
        problem(
          'adopted-null',
          at,
          `${shown} may be null`,
          'Declare it not null, or let the table have a derived key.',
        ),
      );
    }
    const moves = this.phaseOf.get(this.index.domain(ref));
    if (parents.length > 0 && (moves === undefined || this.isLater(moves, phase))) {
      const when = moves === undefined ? 'moves in no phase' : `moves later, in ${moves}`;
      found.push(
        problem(
          'adopted-order',
          at,
          `${parents[0]}, whose key ${table} adopts, ${when}`,
          `List ${parents[0]} in this phase or an earlier one.`,
        ),
      );
    }
    if (key.as !== columns[0] && key.as !== key.adopt)
      found.push(...this.nameIsFree(table, key.as, [...path, 'key', 'as']));
    return found;
  }

  private surrogate(
    table: TableId,
    columns: string[],
    key: { surrogate: string; unique: string; children: string },
    path: PlanPath,
  ): PlanProblem[] {
    if (columns.length < 2) {
      const message = `the key of ${table} is ${columns[0]} alone: it needs no surrogate`;
      return [problem('surrogate-not-needed', path, message, `List it by its name: ${table}`)];
    }
    const found = this.nameIsFree(table, key.surrogate, [...path, 'key', 'surrogate']);
    const named = [...this.index.facts.uniques, ...this.index.facts.primaryKeys].find(
      (one) => one.name === key.unique && this.sameSchema(one.table, table),
    );
    if (named) {
      const message = `the name ${key.unique} is taken, by a constraint or an index of ${named.table}`;
      found.push(
        problem('name-taken', [...path, 'key', 'unique'], message, 'Give another name with unique.'),
      );
    }
    const children = this.index.facts.foreignKeys.filter(
      (fk) => fk.refTable === table && fk.columns.length > 1,
    );
    for (const child of new Set(children.map((fk) => fk.table))) {
      found.push(...this.nameIsFree(child, key.children, [...path, 'children']));
    }
    return found;
  }

  private stored(table: TableId, column: string, path: PlanPath): PlanProblem[] {
    const at = [...path, 'key', 'stored'];
    const ref = { table, column };
    const missing = this.columnIsThere(ref, at);
    if (missing.length > 0) return missing;
    const found = this.index.column(ref)!;
    const shown = formatColumn(ref);
    const problems: PlanProblem[] = [];
    if (found.type !== 'uuid') {
      problems.push(
        problem(
          'stored-not-uuid',
          at,
          `${shown} has the type ${found.type}, not uuid`,
          'Name the column that has the UUIDs.',
        ),
      );
    }
    if (!found.notNull)
      problems.push(problem('stored-null', at, `${shown} may be null`, 'Declare it not null.'));
    if (!this.index.isUnique(ref)) {
      problems.push(
        problem('stored-not-unique', at, `${shown} has no unique constraint of its own`, 'Add one.'),
      );
    }
    return problems;
  }

  /** The plan-wide column is for tables that have it; one that a table names itself must be there. */
  private timeColumn(table: TableId, time: string | null, path: PlanPath): PlanProblem[] {
    if (time === null || time === this.plan.keys.time) return [];
    const at = [...path, 'key', 'time'];
    const missing = this.columnIsThere({ table, column: time }, at);
    if (missing.length > 0) return missing;
    const { type } = this.index.column({ table, column: time })!;
    if (/^(timestamp|date)/.test(type)) return [];
    return [
      problem(
        'time-type',
        at,
        `${formatColumn({ table, column: time })} has the type ${type}, which is no time`,
        'Name a column of type timestamptz, timestamp or date.',
      ),
    ];
  }

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

  /** An `on` that is nearly a table's name is one misspelt; anything else may name an object of another kind. */
  acceptances(): PlanProblem[] {
    return this.plan.accept.flatMap(({ on }, i) => {
      if (!/^[^\s]+$/.test(on) || tablesNamedBy(on).some((table) => this.index.tables.has(table))) return [];
      if (/^(replica-lag|oldest-transaction)$/.test(on)) return [];
      const meant = didYouMean(on, this.index.tables.keys());
      if (meant === '') return [];
      return [
        problem(
          'unknown-table',
          ['accept', i, 'on'],
          `there is no ${on}${meant}`,
          'Name the object as in the catalog.',
        ),
      ];
    });
  }

  columnIsThere(ref: ColumnRef, path: PlanPath): PlanProblem[] {
    const missing = this.tableIsThere(ref.table, path);
    if (missing.length > 0 || this.index.column(ref)) return missing;
    const meant = didYouMean(ref.column, this.index.columnNames(ref.table));
    const message = `the table ${ref.table} has no column "${ref.column}"${meant}`;
    return [problem('unknown-column', path, message, 'Name a column of the table; case counts.')];
  }

  private tableIsThere(table: TableId, path: PlanPath): PlanProblem[] {
    if (this.index.tables.has(table)) return [];
    const message = `there is no table ${table}${didYouMean(table, this.index.tables.keys())}`;
    return [
      problem('unknown-table', path, message, 'Name a table as in the catalog: [schema.]table; case counts.'),
    ];
  }

  private nameIsFree(table: TableId, name: string, path: PlanPath): PlanProblem[] {
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

  private sameSchema(a: TableId, b: TableId): boolean {
    return this.index.tables.get(a)?.schema === this.index.tables.get(b)?.schema;
  }

  private listedPhase(table: TableId): string | null {
    const found = this.plan.phases.find(
      (p) => p.kind === 'tables' && p.tables.some((t) => t.table === table),
    );
    return found?.phase ?? null;
  }

  private rank(phase: string | undefined): number {
    return phase === undefined ? -1 : (this.order.get(phase) ?? -1);
  }

  private isLater(a: string, b: string): boolean {
    return this.rank(a) > this.rank(b);
  }
}

function problem(code: string, path: PlanPath, message: string, remedy: string): PlanProblem {
  return { code: `plan.${code}`, path, message, remedy };
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
