import { isInteger } from './domains.js';
import type { PlannedKey, TableId } from './model.js';
import { formatColumn } from './names.js';
import { PlanInCatalog } from './plan-in-catalog.js';
import { type PlanPath, type PlanProblem, problem } from './problems.js';

/** Whether the tables that a phase lists have keys that can move as the plan says. */
export class KeyCheck extends PlanInCatalog {
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
    const taken = this.relationNamed(table, key.unique);
    if (taken !== null) {
      const message = `the name ${key.unique} is taken, by ${taken}`;
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

  /** What has this name in the schema of the table, or among its constraints; null where it is free. */
  private relationNamed(table: TableId, name: string): string | null {
    const {
      tables,
      uniques,
      primaryKeys,
      indexNames = [],
      constraintNames = [],
      relations = [],
    } = this.index.facts;
    const named = [...uniques, ...primaryKeys, ...indexNames].find(
      (one) => one.name === name && this.sameSchema(one.table, table),
    );
    if (named) return `a constraint or an index of ${named.table}`;
    if (constraintNames.some((one) => one.name === name && one.table === table))
      return `a constraint of ${table}`;
    const other = tables.find((one) => one.name === name && this.sameSchema(one.id, table));
    if (other) return `the table ${other.id}`;
    const schema = this.index.tables.get(table)?.schema;
    const relation = relations.find((one) => one.name === name && one.schema === schema);
    return relation ? `the ${relation.called}` : null;
  }

  private sameSchema(a: TableId, b: TableId): boolean {
    return this.index.tables.get(a)?.schema === this.index.tables.get(b)?.schema;
  }
}
