import { nothing, type ObjectKind } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import { place, swapTable } from './work.js';

/**
 * Defaults. That of a key (its sequence) stays with the legacy column, which gives new rows their integers until cleanup.
 * That of a reference is a constant, whose twin is the constant's key; ON DELETE SET DEFAULT needs it before the cutover.
 */
export interface Default extends CatalogObject {
  kind: 'default';
  table: TableId;
  column: string;
  expression: string;
}

export const defaultValue: ObjectKind<Default> = {
  kind: 'default',

  query: (_version, schemas) => `
    select pg_catalog.json_build_object('name', a.attname, 'schema', n.nspname, 'relation', t.relname, 'column', a.attname,
      'named', pg_catalog.json_build_array(a.attname), 'expression', pg_catalog.pg_get_expr(d.adbin, d.adrelid)) as object
    from pg_catalog.pg_attrdef d
    join pg_catalog.pg_class t on t.oid = d.adrelid
    join ${schemas} n on n.oid = t.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.adnum
    where t.relkind in ('r', 'p') and a.attgenerated = ''`,

  plan(object, view) {
    const { table, column, expression } = object;
    const member = view.member(table, column);
    if (!member?.isReference) return { ...nothing, rank: 5 };
    const constant = /^(?:\(?-?\d+\)?|'-?\d+')(?:::[a-z ]+)?$|^NULL(?:::[a-z ]+)?$/.test(expression);
    const statement = constant ? view.defaultStatement(table, column, expression) : undefined;
    if (statement === undefined) {
      return {
        hazard: 'default-not-constant',
        rank: 'stop',
        on: `${table}.${column}`,
        message: `the default of the reference ${table}.${column} is no constant, so that it can't be turned into a UUID`,
        remedy: `drop the default, or leave the reference's target out of the plan`,
      };
    }
    const alter = (c: string, what: string) => `alter column ${quoteIdent(c)} ${what}`;
    const object_ = `default of ${table}.${column}`;
    return {
      ...nothing,
      rank: 5,
      buildTwin: [
        {
          text: statement,
          object: `default of ${table}.${member.shadow}`,
          locks: { mode: 'access exclusive', tables: [table] },
          done: { see: 'default', ...place(view, table), name: member.shadow, present: true },
        },
      ],
      dropTwin: [
        {
          text: `alter table ${view.sqlTable(table)} ${alter(member.shadow, 'drop default')}`,
          object: `default of ${table}.${member.shadow}`,
          locks: { mode: 'access exclusive', tables: [table] },
          done: { see: 'default', ...place(view, table), name: member.shadow, present: false },
        },
      ],
      swap: [swapTable(view, 'dropDefaults', table, alter(column, 'drop default'), object_)],
      swapBack: [
        swapTable(view, 'dropDefaults', table, alter(column, 'drop default'), object_),
        swapTable(view, 'settings', table, alter(column, `set default ${expression}`), object_),
      ],
    };
  },

  original: () => null,

  definition: (object, view, moment) => {
    const member = moment === 'before' ? view.member(object.table, object.column) : undefined;
    // the sequence stays with the legacy column
    if (member && !member.isReference) return null;
    return `default ${member?.after ?? object.column}`;
  },
};
