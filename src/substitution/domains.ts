import type { Catalog } from '../catalog/model.js';
import type { Hazard } from '../errors.js';
import type { ColumnRef, Plan, PlannedTable, TableId, TablesPhase } from '../plan/model.js';
import { at, LiveKeys } from './live-keys.js';
import type { Domain, Member, Substitution } from './model.js';
import { keyFunction, legacyName, shadowName, shadowOfKey } from './names.js';

const integers = new Set(['smallint', 'integer', 'bigint']);

/** Plan and catalog give the substitution of a phase: the closure of each listed key over declared foreign keys and references. Pure. */
export function substitutionOf(
  plan: Plan,
  phase: TablesPhase,
  catalog: Catalog,
  legacyColumns: ColumnRef[],
): Substitution {
  const builder = new Builder(plan, phase, catalog, legacyColumns);
  return builder.build();
}

class Builder {
  private readonly members = new Map<string, Member>();
  private readonly domains: Domain[] = [];
  private readonly hazards: Hazard[] = [];
  private readonly keys: LiveKeys;

  constructor(
    private readonly plan: Plan,
    private readonly phase: TablesPhase,
    catalog: Catalog,
    private readonly legacyColumns: ColumnRef[],
  ) {
    this.keys = new LiveKeys(plan, catalog, legacyColumns);
  }

  build(): Substitution {
    const simple = this.phase.tables.filter((t) => t.key.source === 'derived' || t.key.source === 'stored');
    for (const planned of simple) this.derived(planned);
    for (const planned of this.phase.tables) if (planned.key.source === 'adopted') this.adopted(planned);
    for (const planned of this.phase.tables) if (planned.key.source === 'surrogate') this.surrogate(planned);
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

  private derived(planned: PlannedTable): void {
    const column = this.singleKey(planned.table);
    if (column === null) return;
    if (this.members.has(at(planned.table, column))) return;
    const parent = this.parentListedHere(planned.table, column);
    if (parent) return;
    const { version, time } =
      planned.key.source === 'derived'
        ? planned.key
        : { version: this.plan.keys.version, time: this.plan.keys.time };
    const domain: Domain = {
      root: planned.table,
      column,
      source: 'derived',
      version,
      time: time !== null && this.keys.columnOf(planned.table, time) ? time : null,
      keyFunction: keyFunction(planned.table),
      sequence: this.keys.sequenceFor(planned.table, column),
    };
    this.domains.push(domain);
    this.addKey(domain, planned.table, column);
    this.follow(domain, planned.table, column, (child) => ({
      by: 'function',
      keyFunction: domain.keyFunction as string,
      columns: [child],
    }));
  }

  /** A key whose column refers to another key of this phase belongs to that one's domain, listed or not. */
  private parentListedHere(table: TableId, column: string): boolean {
    return this.keys.foreignKeys.some((k) => {
      const i = k.table === table ? k.columns.indexOf(column) : -1;
      return (
        i >= 0 &&
        k.refTable !== table &&
        this.phase.tables.some((t) => t.table === k.refTable) &&
        this.keys.primaryKeys.get(k.refTable)?.columns.includes(k.refColumns[i] as string)
      );
    });
  }

  private adopted(planned: PlannedTable): void {
    if (planned.key.source !== 'adopted') return;
    const { table } = planned;
    const { adopt, as } = planned.key;
    const column = this.singleKey(table);
    if (column === null) return;
    const reference = this.members.get(at(table, adopt));
    if (reference?.forward.by !== 'function') {
      this.hazard(
        'adopt-target',
        `${table}.${adopt}`,
        `the key of ${table} adopts ${adopt}, which refers to no key that moves in phase ${this.phase.phase}`,
        'put the table that it refers to into the same phase',
      );
      return;
    }
    const domain: Domain = {
      root: table,
      column,
      source: 'adopted',
      version: this.domains.find((d) => d.root === reference.domain)?.version ?? 4,
      time: null,
      keyFunction: null,
      sequence: this.keys.sequenceFor(table, column),
    };
    this.domains.push(domain);
    const forward = { ...reference.forward };
    reference.shadow = shadowOfKey;
    reference.after = as;
    this.checkName(table, shadowOfKey);
    if (as !== column && as !== adopt && this.keys.columnOf(table, as))
      this.taken(table, as, 'the plan gives the adopted key this name');
    this.members.set(at(table, column), {
      table,
      before: column,
      shadow: shadowOfKey,
      after: as,
      legacy: legacyName(column),
      type: this.keys.columnOf(table, column)?.type ?? null,
      role: 'key',
      isReference: false,
      domain: table,
      forward,
    });
    this.checkName(table, legacyName(column));
    this.follow(domain, table, column, (child) => ({
      by: 'lookup',
      keyFunction: forward.keyFunction,
      table,
      match: column,
      from: adopt,
      column: child,
    }));
  }

  private surrogate(planned: PlannedTable): void {
    if (planned.key.source !== 'surrogate') return;
    const { table } = planned;
    const key = this.keys.primaryKeys.get(table);
    if (!key || key.columns.length < 2) {
      this.hazard(
        'surrogate-not-composite',
        table,
        `${table} has no composite primary key, so that it needs no surrogate`,
        'list the table by its name alone',
      );
      return;
    }
    const outside = key.columns.filter((c) => !this.members.has(at(table, c)));
    if (outside.length) {
      this.hazard(
        'surrogate-columns',
        table,
        `the key column ${outside.join(', ')} of ${table} moves in another phase, or not at all, so that no surrogate can be derived from it here`,
        'put the tables that the pair refers to into the same phase',
      );
      return;
    }
    const name = keyFunction(table);
    this.domains.push({
      root: table,
      column: null,
      source: 'surrogate',
      version: 4,
      time: null,
      keyFunction: name,
      sequence: null,
    });
    const { surrogate, children } = planned.key;
    if (this.keys.columnOf(table, surrogate))
      this.taken(table, surrogate, 'the plan gives the surrogate key this name');
    this.addSurrogate(table, surrogate, shadowOfKey, 'surrogate', table, name, key.columns);
    for (const fk of this.keys.foreignKeys) {
      if (fk.refTable !== table || fk.refColumns.length !== key.columns.length) continue;
      const columns = key.columns.map((c) => fk.columns[fk.refColumns.indexOf(c)]);
      if (columns.some((c) => c === undefined)) continue;
      if (this.keys.columnOf(fk.table, children))
        this.taken(fk.table, children, 'the plan gives the reference to the surrogate this name');
      this.addSurrogate(
        fk.table,
        children,
        shadowName(children),
        'surrogate-reference',
        table,
        name,
        columns as string[],
      );
    }
  }

  private addSurrogate(
    table: TableId,
    name: string,
    shadow: string,
    role: Member['role'],
    domain: TableId,
    fn: string,
    columns: string[],
  ): void {
    this.checkName(table, shadow);
    this.members.set(at(table, `\u0000${name}`), {
      table,
      before: null,
      shadow,
      after: name,
      legacy: null,
      type: null,
      role,
      isReference: role === 'surrogate-reference',
      domain,
      forward: { by: 'function', keyFunction: fn, columns },
    });
  }

  private addKey(domain: Domain, table: TableId, column: string): void {
    this.checkName(table, shadowOfKey);
    this.checkName(table, legacyName(column));
    this.members.set(at(table, column), {
      table,
      before: column,
      shadow: shadowOfKey,
      after: column,
      legacy: legacyName(column),
      type: this.keys.columnOf(table, column)?.type ?? null,
      role: 'key',
      isReference: false,
      domain: domain.root,
      forward: { by: 'function', keyFunction: domain.keyFunction as string, columns: [column] },
    });
  }

  /** All that reaches the key through foreign keys, transitively, and by references that the plan declares. */
  private follow(
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
            this.hazard(
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

  private addReference(domain: Domain, child: ColumnRef, forward: Member['forward']): void {
    const column = this.keys.columnOf(child.table, child.column);
    const type = column?.type ?? 'unknown';
    if (!integers.has(type)) {
      this.hazard(
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

  private singleKey(table: TableId): string | null {
    const key = this.keys.primaryKeys.get(table);
    if (!key) {
      this.hazard(
        'no-primary-key',
        table,
        `${table} has no primary key`,
        'give the table a primary key, or leave it out of the plan',
      );
      return null;
    }
    if (key.columns.length !== 1) {
      this.hazard(
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
      this.hazard(
        'key-no-integer',
        `${table}.${column}`,
        `the primary key of ${table} is ${type}, not an integer`,
        'leave the table out of the plan',
      );
      return null;
    }
    return column;
  }

  private checkName(table: TableId, name: string): void {
    if (this.keys.columnOf(table, name)) this.taken(table, name, 'Rekey needs this name');
  }

  private taken(table: TableId, name: string, why: string): void {
    this.hazard(
      'name-taken',
      `${table}.${name}`,
      `${table} has a column ${name} already, and ${why}`,
      'rename the column, or give another name in the plan',
    );
  }

  private hazard(hazard: string, on: string, message: string, remedy: string): void {
    if (!this.hazards.some((h) => h.hazard === hazard && h.on === on))
      this.hazards.push({ hazard, rank: 'stop', on, message, remedy });
  }
}
