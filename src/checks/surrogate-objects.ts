import { cutName } from '../catalog/cut-name.js';
import type { CatalogObject } from '../catalog/model.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { IndexShape } from '../kinds/index-shape.js';
import type { PlainIndex } from '../kinds/plain-index.js';
import type { UniqueKey } from '../kinds/unique-key.js';
import type { Member } from '../substitution/model.js';
import type { PhaseView } from '../substitution/view.js';

/** What a surrogate brings that stood nowhere before, as the catalog has it on the shadows or after the cutover. */
export function surrogateObjects(view: PhaseView, names: 'shadow' | 'after'): CatalogObject[] {
  return view.substitution.members.flatMap((member) => {
    if (member.role === 'surrogate') return ownKey(view, member, names);
    if (member.role === 'surrogate-reference') return reference(view, member, names);
    return [];
  });
}

function ownKey(view: PhaseView, member: Member, names: 'shadow' | 'after'): CatalogObject[] {
  const { table } = member;
  const column = member[names];
  const primary = view.catalog.objects.find(
    (o) => o.kind === 'unique-key' && o.table === table && (o as UniqueKey).primary,
  ) as UniqueKey;
  const common = { table, names: [{ table, column }] };
  const notNull = cutName(`${view.nameOf(table)}_${member.after}_not_null`);
  const key = {
    ...common,
    kind: 'unique-key',
    id: `unique-key ${table}.${primary.name}`,
    name: primary.name,
    columns: [column],
    primary: true,
    deferrable: false,
    deferred: false,
    shape: shape([column], true),
    comment: null,
    indexComment: null,
    period: false,
  } as UniqueKey;
  const required = {
    ...common,
    kind: 'not-null',
    id: `not-null ${table}.${notNull}`,
    name: notNull,
    column,
    validated: true,
    hasName: view.version >= 180000,
  };
  return [key, required];
}

function reference(view: PhaseView, member: Member, names: 'shadow' | 'after'): CatalogObject[] {
  const { table } = member;
  const column = member[names];
  const root = view.substitution.members.find(
    (m) => m.role === 'surrogate' && m.table === member.domain,
  ) as Member;
  const pairColumns = member.forward.by === 'function' ? member.forward.columns : [];
  const pair = view.catalog.objects.find(
    (o) =>
      o.kind === 'foreign-key' &&
      o.table === table &&
      (o as ForeignKey).refTable === root.table &&
      pairColumns.every((c) => (o as ForeignKey).columns.includes(c)),
  ) as ForeignKey;
  const index = view.newName(`${view.nameOf(table)}_${member.after}_idx`, view.schemaOf(table));
  const name = cutName(`${view.nameOf(table)}_${member.after}_fkey`);
  const common = { table, names: [{ table, column }], comment: null };
  return [
    {
      ...common,
      kind: 'index',
      id: `index ${table}.${index}`,
      name: index,
      shape: shape([column], false),
      valid: true,
    } as PlainIndex,
    {
      ...pair,
      ...common,
      id: `foreign-key ${table}.${name}`,
      name,
      columns: [column],
      refColumns: [root[names]],
      match: 'simple',
      setColumns: [],
      validated: true,
    } as ForeignKey,
  ];
}

function shape(columns: string[], unique: boolean): IndexShape {
  return {
    method: 'btree',
    unique,
    nullsNotDistinct: false,
    keys: columns.map((column) => ({
      column,
      expression: null,
      opclass: null,
      opclassOptions: null,
      collation: null,
      descending: false,
      nullsFirst: false,
      statisticsTarget: null,
    })),
    include: [],
    predicate: null,
    options: [],
    tablespace: null,
    clustered: false,
    replicaIdentity: false,
  };
}
