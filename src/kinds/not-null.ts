import { cutName } from '../catalog/cut-name.js';
import { nothing, type ObjectKind, type SwapStatement, type View, type Work } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import {
  addConstraintWork,
  dropConstraintWork,
  place,
  renameConstraint,
  swapTable,
  validateConstraintWork,
} from './work.js';

/**
 * NOT NULL. From 18 on it is a constraint with a name, that can be added NOT VALID; before, a validated CHECK proves it,
 * so that SET NOT NULL scans nothing under its lock. Legacy keys stay NOT NULL, legacy references become nullable.
 */
export interface NotNull extends CatalogObject {
  kind: 'not-null';
  table: TableId;
  column: string;
  validated: boolean;
  noInherit: boolean;
  /** 18 and later */
  hasName: boolean;
}

export const notNull: ObjectKind<NotNull> = {
  kind: 'not-null',

  query: (version, schemas) =>
    version >= 180000
      ? `select pg_catalog.json_build_object('name', k.conname, 'schema', n.nspname, 'relation', t.relname, 'column', a.attname,
           'named', pg_catalog.json_build_array(a.attname), 'validated', k.convalidated, 'noInherit', k.connoinherit, 'hasName', true) as object
         from pg_catalog.pg_constraint k
         join pg_catalog.pg_class t on t.oid = k.conrelid
         join ${schemas} n on n.oid = t.relnamespace
         join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = k.conkey[1]
         where k.contype = 'n' and t.relkind in ('r', 'p')`
      : `select pg_catalog.json_build_object('name', t.relname || '_' || a.attname || '_not_null', 'schema', n.nspname, 'relation', t.relname,
           'column', a.attname, 'named', pg_catalog.json_build_array(a.attname), 'validated', true, 'noInherit', false, 'hasName', false) as object
         from pg_catalog.pg_attribute a
         join pg_catalog.pg_class t on t.oid = a.attrelid
         join ${schemas} n on n.oid = t.relnamespace
         where t.relkind in ('r', 'p') and a.attnum > 0 and a.attnotnull and not a.attisdropped`,

  plan(object, view) {
    const { table, column, name } = object;
    const member = view.member(table, column);
    if (!member) return { ...nothing, rank: 20 };
    const duplicate = view.isDuplicate(object.id);
    const alter = (c: string, what: string) => `alter column ${quoteIdent(c)} ${what} not null`;
    const swapAlter = (c: string, what: 'drop' | 'set'): SwapStatement =>
      swapTable(view, 'addConstraints', table, alter(c, what), `not null of ${table}.${c}`);

    if (object.hasName) {
      const twin = view.constraintTwin(table, name);
      const aside = cutName(`legacy_${name}`);
      const body = (c: string) =>
        `not null ${quoteIdent(c)}${object.noInherit ? ' no inherit' : ''} not valid`;
      const legacyColumn = member.legacy ?? column;
      return {
        ...nothing,
        rank: 20,
        buildTwin: duplicate
          ? []
          : [
              addConstraintWork(view, table, twin, body(member.shadow), 'access exclusive'),
              ...(object.validated ? [validateConstraintWork(view, table, twin)] : []),
            ],
        dropTwin: duplicate ? [] : [dropConstraintWork(view, table, twin)],
        swap: [
          ...(member.isReference
            ? [swapAlter(legacyColumn, 'drop')]
            : [renameConstraint(view, table, name, aside)]),
          ...(duplicate ? [] : [renameConstraint(view, table, twin, name)]),
        ],
        swapBack: [
          ...(duplicate ? [] : [swapAlter(member.shadow, 'drop')]),
          member.isReference
            ? swapTable(
                view,
                'rename',
                table,
                `add constraint ${quoteIdent(name)} ${body(column)}`,
                `constraint ${name} on ${table}`,
              )
            : renameConstraint(view, table, aside, name),
        ],
        afterSwapBack:
          member.isReference && object.validated ? [validateConstraintWork(view, table, name)] : [],
      };
    }

    const proof = cutName(`${view.nameOf(table)}_${column}_rekey_not_null`);
    return {
      ...nothing,
      rank: 20,
      buildTwin: duplicate ? [] : prove(view, table, member.shadow, proof),
      dropTwin: duplicate
        ? []
        : [
            dropConstraintWork(view, table, proof),
            {
              text: `alter table ${view.sqlTable(table)} ${alter(member.shadow, 'drop')}`,
              object: `not null of ${table}.${member.shadow}`,
              locks: { mode: 'access exclusive', tables: [table] },
              done: { see: 'not-null', ...place(view, table), name: member.shadow, present: false },
            },
          ],
      swap: member.isReference ? [swapAlter(member.legacy ?? column, 'drop')] : [],
      swapBack: [
        ...(duplicate ? [] : [swapAlter(member.shadow, 'drop')]),
        ...(member.isReference
          ? [
              swapTable(
                view,
                'addConstraints',
                table,
                `add constraint ${quoteIdent(proof)} check (${quoteIdent(column)} is not null) not valid`,
                `constraint ${proof} on ${table}`,
              ),
            ]
          : []),
      ],
      afterSwapBack: member.isReference ? prove(view, table, column, proof) : [],
    };
  },

  original: () => null,

  definition: (object, view, moment) => {
    if (view.isDuplicate(object.id)) return null;
    const column =
      moment === 'before'
        ? (view.member(object.table, object.column)?.after ?? object.column)
        : object.column;
    return `not null ${column} ${object.validated}`;
  },
};

/** Before 18: a CHECK proves it without a lock that anybody waits for, SET NOT NULL then scans nothing. */
function prove(view: View, table: TableId, column: string, proof: string): Work[] {
  const isSet = { see: 'not-null' as const, ...place(view, table), name: column, present: true };
  const add = addConstraintWork(
    view,
    table,
    proof,
    `check (${quoteIdent(column)} is not null) not valid`,
    'access exclusive',
  );
  return [
    { ...add, unless: isSet },
    { ...validateConstraintWork(view, table, proof), unless: isSet },
    {
      text: `alter table ${view.sqlTable(table)} alter column ${quoteIdent(column)} set not null`,
      object: `not null of ${table}.${column}`,
      locks: { mode: 'access exclusive', tables: [table] },
      done: isSet,
    },
    dropConstraintWork(view, table, proof),
  ];
}
