import type { Catalog } from '../catalog/model.js';
import type { Hazard } from '../errors.js';
import type { ColumnRef, Plan, TableId, TablesPhase } from '../plan/model.js';
import { at, LiveKeys } from './live-keys.js';
import type { Domain, Member, Substitution } from './model.js';
import { legacyName, shadowName } from './names.js';

const integers = new Set(['smallint', 'integer', 'bigint']);

/**
 * The members of a phase's key domains as they are found: each key source brings its keys, and what reaches them through
 * foreign keys and declared references follows. What can't be is a hazard of rank stop.
 */
export class Closure {
  readonly members = new Map<string, Member>();
  readonly domains: Domain[] = [];
  readonly keys: LiveKeys;
  readonly hazards: Hazard[] = [];

  constructor(
    readonly plan: Plan,
    readonly phase: TablesPhase,
    catalog: Catalog,
    private readonly legacyColumns: ColumnRef[],
  ) {
    this.keys = new LiveKeys(plan, catalog, legacyColumns);
  }

  substitution(): Substitution {
    const members = [...this.members.values()];
    return {
      phase: this.phase.phase,
      domains: this.domains,
      members,
      tables: this.keys.inLockOrder(new Set(members.map((m) => m.table))),
      legacyColumns: this.legacyColumns,
      hazards: this.hazards,
    };
  }

  /** All that reaches the key through foreign keys, transitively, and by references that the plan declares. */
  follow(
    domain: Domain,
    table: TableId,
    column: string,
    forward: (child: string) => Member['forward'],
  ): void {
    const queue: ColumnRef[] = [{ table, column }];
    for (let parent = queue.shift(); parent; parent = queue.shift()) {
      for (const child of this.keys.childrenOf(parent)) {
        const present = this.members.get(at(child.table, child.column));
        if (present) {
          if (present.domain !== domain.root)
            stop(
              this,
              'two-domains',
              `${child.table}.${child.column}`,
              `${child.table}.${child.column} refers to both ${present.domain} and ${domain.root}`,
              'leave one of the two tables out of the plan, or drop one foreign key',
            );
          continue;
        }
        this.addReference(domain, child, forward(child.column));
        queue.push(child);
      }
    }
  }

  /** Null, and a hazard, where the table has no key of one integer column. */
  singleKey(table: TableId): string | null {
    const key = this.keys.primaryKeys.get(table);
    if (!key) {
      stop(
        this,
        'no-primary-key',
        table,
        `${table} has no primary key`,
        'give the table a primary key, or leave it out of the plan',
      );
      return null;
    }
    if (key.columns.length !== 1) {
      stop(
        this,
        'composite-key',
        table,
        `${table} has the composite primary key (${key.columns.join(', ')}) and no surrogate`,
        `say key: { surrogate: id, unique: <name> }, or leave the table out: a key made of references moves with them`,
      );
      return null;
    }
    const column = key.columns[0] as string;
    const type = this.keys.columnOf(table, column)?.type ?? 'unknown';
    if (!integers.has(type)) {
      stop(
        this,
        'key-no-integer',
        `${table}.${column}`,
        `the primary key of ${table} is ${type}, not an integer`,
        'leave the table out of the plan',
      );
      return null;
    }
    return column;
  }

  /** A name that Rekey gives to a column must be free. */
  checkName(table: TableId, name: string): void {
    if (this.keys.columnOf(table, name)) taken(this, table, name, 'Rekey needs this name');
  }

  private addReference(domain: Domain, child: ColumnRef, forward: Member['forward']): void {
    const column = this.keys.columnOf(child.table, child.column);
    const type = column?.type ?? 'unknown';
    if (!integers.has(type)) {
      stop(
        this,
        'reference-no-integer',
        `${child.table}.${child.column}`,
        `${child.table}.${child.column} refers to ${domain.root} and has the type ${type}`,
        'make it an integer column, or leave the table out of the plan',
      );
      return;
    }
    const shadow = shadowName(child.column);
    this.checkName(child.table, shadow);
    this.checkName(child.table, legacyName(child.column));
    this.members.set(at(child.table, child.column), {
      table: child.table,
      before: child.column,
      shadow,
      after: child.column,
      legacy: legacyName(child.column),
      type,
      role: 'reference',
      isReference: true,
      domain: domain.root,
      forward,
    });
  }
}

export function taken(closure: Closure, table: TableId, name: string, why: string): void {
  stop(
    closure,
    'name-taken',
    `${table}.${name}`,
    `${table} has a column ${name} already, and ${why}`,
    'rename the column, or give another name in the plan',
  );
}

export function stop(closure: Closure, hazard: string, on: string, message: string, remedy: string): void {
  const { hazards } = closure;
  if (!hazards.some((h) => h.hazard === hazard && h.on === on))
    hazards.push({ hazard, rank: 'stop', on, message, remedy });
}
