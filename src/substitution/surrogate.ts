import { nothing, type ObjectPlan, type Work } from '../catalog/kind.js';
import { quoteIdent } from '../catalog/quote.js';
import { body, type ForeignKey } from '../kinds/foreign-key.js';
import { notNull } from '../kinds/not-null.js';
import {
  addConstraintWork,
  createIndexWork,
  dropConstraintWork,
  dropIndexWork,
  swapTable,
  validateConstraintWork,
} from '../kinds/work.js';
import type { TableId } from '../plan/model.js';
import { sourceColumns } from './key-expression.js';
import type { Member } from './model.js';
import { syncTrigger } from './names.js';
import {
  compositeKey,
  pairKey,
  rootOf,
  surrogateForeignKeyName,
  surrogateIndexName,
  surrogateNotNullName,
} from './surrogate-objects.js';
import type { PhaseView } from './view.js';

/** What a surrogate brings that stood nowhere before: a primary key over it and, in each child, an index and a foreign key. */
export function surrogatePlans(view: PhaseView): ObjectPlan[] {
  return view.substitution.members.flatMap((member) => {
    if (member.role === 'surrogate') return [ownKey(view, member), notNullPlan(view, member)];
    if (member.role === 'surrogate-reference') return [reference(view, member)];
    return [];
  });
}

function ownKey(view: PhaseView, member: Member): ObjectPlan {
  const { table } = member;
  const primary = compositeKey(view, table);
  const schema = view.schemaOf(table);
  const twin = view.newName(`${view.nameOf(table)}_${member.after}_uuid`, schema);
  const constraint = `constraint ${primary.name} on ${table}`;
  return {
    ...nothing,
    rank: 10,
    buildTwin: [
      late(
        createIndexWork(
          view,
          table,
          twin,
          `create unique index concurrently ${quoteIdent(twin)} on ${view.sqlTable(table)} (${quoteIdent(member.shadow)})`,
        ),
      ),
    ],
    dropTwin: [dropIndexWork(view, table, twin)],
    // after the composite key has left its name
    swap: [
      {
        slot: 'attach',
        text: `alter table ${view.sqlTable(table)} add constraint ${quoteIdent(primary.name)} primary key using index ${quoteIdent(twin)}`,
        object: constraint,
      },
    ],
    swapBack: [
      swapTable(view, 'dropConstraints', table, `drop constraint ${quoteIdent(primary.name)}`, constraint),
    ],
    made: [twin],
  };
}

function notNullPlan(view: PhaseView, member: Member): ObjectPlan {
  const { table } = member;
  const name = surrogateNotNullName(view, member);
  const plan = notNull.plan(
    {
      kind: 'not-null',
      id: `not-null ${table}.${name}`,
      table,
      name,
      names: [],
      column: member.after,
      validated: true,
      noInherit: false,
      hasName: view.version >= 180000,
    },
    {
      ...bound(view),
      member: () => ({ shadow: member.shadow, after: member.after, legacy: null, isReference: false }),
    },
  ) as ObjectPlan;
  if (view.version < 180000) return plan;
  // there is no constraint before, whose name would have to be set aside and given back
  return {
    ...plan,
    swap: plan.swap.slice(1),
    swapBack: plan.swapBack.slice(0, 1),
  };
}

const late = (work: Work): Work => ({ ...work, late: true });

function bound(view: PhaseView) {
  return {
    version: view.version,
    sqlTable: view.sqlTable.bind(view),
    schemaOf: view.schemaOf.bind(view),
    nameOf: view.nameOf.bind(view),
    member: view.member.bind(view),
    twinName: view.twinName.bind(view),
    legacyName: view.legacyName.bind(view),
    constraintTwin: view.constraintTwin.bind(view),
    isDuplicate: view.isDuplicate.bind(view),
    surrogateUnique: view.surrogateUnique.bind(view),
    defaultStatement: view.defaultStatement.bind(view),
  };
}

function reference(view: PhaseView, member: Member): ObjectPlan {
  const { table } = member;
  const root = rootOf(view, member);
  const pair = pairKey(view, member);
  const index = surrogateIndexName(view, member);
  const name = surrogateForeignKeyName(view, member);
  const both = [...new Set([table, root.table])];
  const key: ForeignKey = {
    ...pair,
    name,
    columns: [member.after],
    refColumns: [root.after],
    match: 'simple',
    setColumns: [],
  };
  const text = body(
    key,
    view,
    () => member.shadow,
    () => root.shadow,
  );
  return {
    ...nothing,
    rank: 40,
    buildTwin: [
      createIndexWork(
        view,
        table,
        index,
        `create index concurrently ${quoteIdent(index)} on ${view.sqlTable(table)} (${quoteIdent(member.shadow)})`,
      ),
      late(addConstraintWork(view, table, name, `${text} not valid`, 'share row exclusive', both)),
      late(validateConstraintWork(view, table, name)),
    ],
    dropTwin: [dropConstraintWork(view, table, name, both), dropIndexWork(view, table, index)],
    swapBack: [
      swapTable(
        view,
        'dropForeignKeys',
        table,
        `drop constraint ${quoteIdent(name)}`,
        `constraint ${name} on ${table}`,
      ),
    ],
    made: [index],
  };
}

/** References to a surrogate that are null beside a whole pair, in whatever way they came about. Changes nothing else. */
export function fillSurrogates(
  view: PhaseView,
  isDropped: (table: TableId, column: string) => boolean,
): Work[] {
  return view.substitution.members.flatMap((member) => {
    if (member.role !== 'surrogate-reference') return [];
    const root = rootOf(view, member);
    const called = (table: string, c: string) => view.member(table, c)?.after ?? c;
    const after = (table: string, c: string) => quoteIdent(called(table, c));
    const needed = [root, member].flatMap((m) => [
      { table: m.table, column: m.after },
      ...sourceColumns(m).map((c) => ({ table: m.table, column: called(m.table, c) })),
    ]);
    if (needed.some((c) => isDropped(c.table, c.column))) return [];
    const pairs = sourceColumns(member).map(
      (c, i) => `p.${after(root.table, sourceColumns(root)[i] as string)} = c.${after(member.table, c)}`,
    );
    return [
      {
        text: `update ${view.sqlTable(member.table)} c set ${quoteIdent(member.after)} = p.${quoteIdent(root.after)} from ${view.sqlTable(root.table)} p where c.${quoteIdent(member.after)} is null and ${pairs.join(' and ')}`,
        object: `mapping of ${member.table}.${member.after}`,
        locks: 'none',
        done: null,
        firesTriggers: true,
        // a second try may be past the pair's own end
        unless: {
          see: 'trigger',
          schema: view.schemaOf(member.table),
          table: view.nameOf(member.table),
          name: syncTrigger(view.substitution.phase),
          present: false,
        },
      } satisfies Work,
    ];
  });
}
