import type { Work } from '../catalog/kind.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import { place } from '../kinds/work.js';
import type { TableId } from '../plan/model.js';
import { inRekey } from './add-columns.js';
import type { Member } from './model.js';
import { followTrigger, syncTrigger } from './names.js';
import {
  createSyncTrigger,
  enableSyncTrigger,
  followSql,
  surrogateFollowSql,
  syncFunctionSql,
} from './sync.js';
import { tid } from './tid.js';
import type { PhaseView } from './view.js';

/**
 * After the cutover the UUIDs are what clients were told was kept. Where somebody has switched a sync trigger off, or
 * dropped it, the legacy columns lag behind them: a swap back would give integers that are no longer so.
 */

/** A trigger of the phase that has to fire from the cutover to the swap back. */
export interface StandingTrigger {
  table: TableId;
  name: string;
  /** where it is gone; its function may have gone with it */
  create: Work[];
  /** where it is not ENABLE ALWAYS */
  enable: Work;
}

/** Those that have to fire from `addColumns` to the cutover. */
export function forwardTriggers(view: PhaseView): Pick<StandingTrigger, 'table' | 'name'>[] {
  return view.substitution.tables.flatMap((table) => {
    const follow = followSql(view, table);
    return [
      { table, name: syncTrigger(view.substitution.phase) },
      ...(follow ? [{ table, name: follow.name }] : []),
    ];
  });
}

export function standingTriggers(view: PhaseView): StandingTrigger[] {
  const { phase, tables } = view.substitution;
  const standing = (table: TableId, name: string, fn: string, create: string): StandingTrigger => {
    const object = `sync trigger of ${table}`;
    const locks = { mode: 'share row exclusive' as const, tables: [table] };
    const enable = enableSyncTrigger(view, table, name);
    const done = { see: 'trigger', ...place(view, table), name, present: true } as const;
    return {
      table,
      name,
      create: [inRekey(fn, object), { text: `${create}; ${enable}`, object, locks, done }],
      enable: { text: enable, object, locks, done: null },
    };
  };
  return tables.flatMap((table) => {
    const follow = surrogateFollowSql(view, table);
    return [
      standing(
        table,
        syncTrigger(phase),
        syncFunctionSql(view, table, 'reverse'),
        createSyncTrigger(view, table),
      ),
      ...(follow ? [standing(table, followTrigger(phase), follow.function, follow.trigger)] : []),
    ];
  });
}

/** Puts one member's legacy column right in the blocks from $1 up to $2, which is left out, as bigint. */
export interface Mend {
  table: TableId;
  /** as validation names what it finds */
  on: string;
  /** rows that a client holds are skipped */
  batch: string;
  /** waits for those who hold rows */
  waiting: string;
}

/** Members that validation may find to differ after the cutover. */
export function mends(view: PhaseView): Mend[] {
  return view.substitution.members.flatMap((member) => {
    if (member.legacy === null) return [];
    if (member.role === 'reference') return [mendReference(view, member)];
    const sequence = member.role === 'key' ? view.domain(member.domain).sequence : null;
    return sequence === null ? [] : [mendKey(view, member, sequence)];
  });
}

/** The sync trigger computes a legacy reference that an update changes alone: from the row that its UUID leads to. */
function mendReference(view: PhaseView, member: Member): Mend {
  const root = view.substitution.members.find((m) => m.role === 'key' && m.table === member.domain) as Member;
  const parent = view.sqlTable(root.table);
  const legacy = `b.${quoteIdent(member.legacy as string)}`;
  const after = `b.${quoteIdent(member.after)}`;
  const theirs = quoteIdent(root.legacy as string);
  const mapped = `(select m.old_id from rekey.uuid_migration_mapping m where m.table_name = ${quoteLiteral(member.domain)} and m.new_id = ${after} limit 1)`;
  const right = `coalesce(p.${theirs}::int8, ${mapped})`;
  // one that leads to no row on either side may be all that is left of what it was
  const differs = `${legacy} is not null and case when ${after} is null then true
    when ${right} is not null then ${legacy} <> ${right}
    else exists (select from ${parent} q where q.${theirs} = ${legacy}) end`;
  return mend(
    view,
    member,
    'null',
    `left join ${parent} p on p.${quoteIdent(root.after)} = ${after}`,
    differs,
  );
}

/** A row that came past the sync trigger has no integer yet. */
function mendKey(view: PhaseView, member: Member, sequence: string): Mend {
  const next = `nextval(${quoteLiteral(`rekey.${quoteIdent(sequence)}`)}::regclass)`;
  return mend(view, member, next, '', `b.${quoteIdent(member.legacy as string)} is null`);
}

function mend(view: PhaseView, member: Member, value: string, join: string, where: string): Mend {
  const sql = view.sqlTable(member.table);
  const update = (locked: string) =>
    `update ${sql} t set ${quoteIdent(member.legacy as string)} = ${value}
where t.ctid = any (array(select b.ctid from ${sql} b ${join}
  where b.ctid >= ${tid('$1')} and b.ctid < ${tid('$2')} and (${where}) for no key update of b${locked}))`;
  return {
    table: member.table,
    on: `${member.table}.${member.after}`,
    batch: update(' skip locked'),
    waiting: update(''),
  };
}
