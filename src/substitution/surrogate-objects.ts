import { cutName } from '../catalog/cut-name.js';
import type { CatalogObject } from '../catalog/model.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { NotNull } from '../kinds/not-null.js';
import type { PlainIndex } from '../kinds/plain-index.js';
import type { UniqueKey } from '../kinds/unique-key.js';
import type { Member } from './model.js';
import { called, simpleShape } from './predict-object.js';
import type { PhaseView } from './view.js';

/** What a surrogate brings that stood nowhere before, as the catalog has it on the shadows or after the cutover. */
export function surrogateObjects(view: PhaseView, names: 'shadow' | 'after'): CatalogObject[] {
  return view.substitution.members.flatMap((member) => {
    if (member.role === 'surrogate') return ownKey(view, member, names);
    if (member.role === 'surrogate-reference') return reference(view, member, names);
    return [];
  });
}

/** The composite primary key that the surrogate stands in for. */
export function compositeKey(view: PhaseView, table: string): UniqueKey {
  return view.catalog.objects.find(
    (o) => o.kind === 'unique-key' && o.table === table && (o as UniqueKey).primary,
  ) as UniqueKey;
}

/** The child's foreign key on the pair: the one on the surrogate acts as it does. */
export function pairKey(view: PhaseView, member: Member): ForeignKey {
  const columns = member.forward.by === 'function' ? member.forward.columns : [];
  return view.catalog.objects.find(
    (o) =>
      o.kind === 'foreign-key' &&
      o.table === member.table &&
      (o as ForeignKey).refTable === member.domain &&
      columns.every((c) => (o as ForeignKey).columns.includes(c)),
  ) as ForeignKey;
}

export const surrogateIndexName = (view: PhaseView, { table, after }: Member): string =>
  view.newName(`${view.nameOf(table)}_${after}_idx`, view.schemaOf(table));
export const surrogateForeignKeyName = (view: PhaseView, { table, after }: Member): string =>
  view.newConstraint(`${view.nameOf(table)}_${after}_fkey`, table);
/** PostgreSQL's own name for it; before 18 it has none, and ours is never cut. */
export function surrogateNotNullName(view: PhaseView, { table, after }: Member): string {
  const name = `${view.nameOf(table)}_${after}_not_null`;
  return view.version >= 180000 ? cutName(name) : name;
}

function ownKey(view: PhaseView, member: Member, side: 'shadow' | 'after'): CatalogObject[] {
  const { table } = member;
  const column = member[side];
  const names = [{ table, column }];
  const primary = compositeKey(view, table);
  const key: UniqueKey = {
    ...called(primary, primary.name),
    names,
    columns: [column],
    deferrable: false,
    deferred: false,
    shape: simpleShape(column, true),
    comment: null,
    indexComment: null,
  };
  const name = surrogateNotNullName(view, member);
  const notNull: NotNull = {
    kind: 'not-null',
    id: `not-null ${table}.${name}`,
    table,
    name,
    names,
    column,
    validated: true,
    noInherit: false,
    hasName: view.version >= 180000,
  };
  return [key, notNull];
}

function reference(view: PhaseView, member: Member, side: 'shadow' | 'after'): CatalogObject[] {
  const { table } = member;
  const column = member[side];
  const root = rootOf(view, member);
  const indexName = surrogateIndexName(view, member);
  const index: PlainIndex = {
    kind: 'index',
    id: `index ${table}.${indexName}`,
    table,
    name: indexName,
    names: [{ table, column }],
    shape: simpleShape(column, false),
    comment: null,
    valid: true,
  };
  const key: ForeignKey = {
    ...called(pairKey(view, member), surrogateForeignKeyName(view, member)),
    names: [
      { table, column },
      { table: root.table, column: root[side] },
    ],
    columns: [column],
    refColumns: [root[side]],
    match: 'simple',
    setColumns: [],
    validated: true,
    // made after all others
    order: 1e9,
    comment: null,
  };
  return [index, key];
}

/** The surrogate that a child's reference names. */
export function rootOf(view: PhaseView, member: Member): Member {
  return view.substitution.members.find((m) => m.role === 'surrogate' && m.table === member.domain) as Member;
}
