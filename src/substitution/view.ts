import { cutName } from '../catalog/cut-name.js';
import type { MemberView, View } from '../catalog/kind.js';
import type { Catalog, CatalogObject } from '../catalog/model.js';
import { quoteLiteral, quoteTable, splitTableId } from '../catalog/quote.js';
import type { PlainIndex } from '../kinds/plain-index.js';
import type { UniqueKey } from '../kinds/unique-key.js';
import type { TableId, TablesPhase } from '../plan/model.js';
import { at } from './live-keys.js';
import type { Domain, Member, Substitution } from './model.js';
import { FreeNames, legacyName, twinName } from './names.js';

/** Answers the kinds' questions for one phase. `place` puts the trial's empty copies into schemas of their own. */
export class PhaseView implements View {
  readonly version: number;
  private readonly members = new Map<string, Member>();
  private readonly names: FreeNames;
  private readonly duplicates: Set<string>;
  private readonly parts = new Map<TableId, { schema: string; name: string }>();

  constructor(
    readonly substitution: Substitution,
    readonly catalog: Catalog,
    readonly phase: TablesPhase,
    private readonly place: (schema: string) => string = (schema) => schema,
  ) {
    this.version = catalog.version;
    for (const member of substitution.members)
      if (member.before !== null) this.members.set(at(member.table, member.before), member);
    for (const table of catalog.tables) this.parts.set(table.id, { schema: table.schema, name: table.name });
    this.names = new FreeNames(takenNames(catalog, phase));
    this.duplicates = this.findDuplicates();
  }

  sqlTable(id: TableId): string {
    return quoteTable(this.schemaOf(id), this.nameOf(id));
  }

  /** as the catalog has it, for names that must be the same in a trial */
  private realSchema(id: TableId): string {
    return (this.parts.get(id) ?? splitTableId(id))?.schema ?? 'public';
  }

  schemaOf(id: TableId): string {
    return this.place(this.realSchema(id));
  }

  nameOf(id: TableId): string {
    return (this.parts.get(id) ?? splitTableId(id))?.name ?? id;
  }

  member(table: TableId, column: string): MemberView | undefined {
    return this.members.get(at(table, column));
  }

  twinName(original: string, schema: string): string {
    return this.names.give(this.unplaced(schema), twinName(original));
  }

  legacyName(original: string, schema: string): string {
    return this.names.give(this.unplaced(schema), legacyName(original));
  }

  constraintTwin(table: TableId, original: string): string {
    return this.names.give(`constraint ${table}`, twinName(original));
  }

  /** a free name for a relation that a surrogate brings */
  newName(wish: string, schema: string): string {
    return this.names.give(this.unplaced(schema), cutName(wish));
  }

  /** a free name for a constraint that a surrogate brings */
  newConstraint(wish: string, table: TableId): string {
    return this.names.give(`constraint ${table}`, cutName(wish));
  }

  isDuplicate(objectId: string): boolean {
    return this.duplicates.has(objectId);
  }

  surrogateUnique(table: TableId): string | undefined {
    const planned = this.phase.tables.find((t) => t.table === table);
    return planned?.key.source === 'surrogate' ? planned.key.unique : undefined;
  }

  defaultStatement(table: TableId, column: string, expression: string): string | undefined {
    const member = this.members.get(at(table, column));
    if (member?.forward.by !== 'function') return undefined;
    const value = /-?\d+/.exec(expression)?.[0];
    if (value === undefined) return undefined;
    const args = [this.schemaOf(table), this.nameOf(table), member.shadow, member.forward.keyFunction].map(
      quoteLiteral,
    );
    return `select rekey.set_key_default(${args.join(', ')}, ${value}::int8)`;
  }

  domain(root: TableId): Domain {
    return this.substitution.domains.find((d) => d.root === root) as Domain;
  }

  private unplaced(schema: string): string {
    for (const { schema: real } of this.parts.values()) if (this.place(real) === schema) return real;
    return schema;
  }

  /** Where a key is adopted, two columns have one shadow: what is unique or not null over the second is there already. */
  private findDuplicates(): Set<string> {
    const found = new Set<string>();
    for (const domain of this.substitution.domains) {
      if (domain.source !== 'adopted') continue;
      const adopt = this.substitution.members.find(
        (m) =>
          m.table === domain.root &&
          m.role === 'reference' &&
          m.before !== null &&
          m.shadow === this.members.get(at(domain.root, domain.column as string))?.shadow,
      );
      if (!adopt) continue;
      for (const object of this.catalog.objects) {
        if (object.table === domain.root && isOver(object, adopt.before as string)) found.add(object.id);
      }
    }
    return found;
  }
}

function isOver(object: CatalogObject, column: string): boolean {
  if (object.kind === 'unique-key') return same((object as UniqueKey).columns, column);
  if (object.kind === 'not-null') return object.names[0]?.column === column;
  if (object.kind !== 'index') return false;
  const { shape } = object as PlainIndex;
  return (
    shape.predicate === null &&
    shape.include.length === 0 &&
    shape.keys.length === 1 &&
    shape.keys[0]?.column === column
  );
}

const same = (columns: string[], column: string) => columns.length === 1 && columns[0] === column;

/** Tables, indexes, views, sequences and composite types share the names of a schema, constraints those of a table. */
function takenNames(catalog: Catalog, phase: TablesPhase): Set<string> {
  const taken = new Set<string>();
  const schemas = new Map(catalog.tables.map((t) => [t.id, t.schema]));
  for (const { schema, name } of [...catalog.tables, ...(catalog.relations ?? [])])
    taken.add(`${schema}\u0000${name}`);
  // the plan has promised them
  for (const { table, key } of phase.tables) {
    if (key.source !== 'surrogate') continue;
    taken.add(`${schemas.get(table) ?? 'public'}\u0000${key.unique}`);
    taken.add(`constraint ${table}\u0000${key.unique}`);
  }
  for (const object of catalog.objects) {
    if (object.table === null) continue;
    const schema = schemas.get(object.table) ?? 'public';
    if (
      object.kind === 'index' ||
      object.kind === 'unique-key' ||
      object.kind === 'statistics' ||
      object.kind === 'exclusion constraint'
    )
      taken.add(`${schema}\u0000${object.name}`);
    if (/key|check|not-null|constraint/.test(object.kind))
      taken.add(`constraint ${object.table}\u0000${object.name}`);
  }
  return taken;
}
