import type { Work } from '../catalog/kind.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import { inRekey } from './add-columns.js';
import { forwardExpression, sourceColumns } from './key-expression.js';
import { attachPartition } from './mapping-partition.js';
import type { Member } from './model.js';
import { mappingPartition } from './names.js';
import { shadowsOf } from './sync.js';
import { blockOf, tid } from './tid.js';
import type { PhaseView } from './view.js';

/** Into so many parts `passSql` divides the rows of a page. */
export const parts = 64;

/**
 * An update that moves a row to another page pays for an entry in every index of the table. So a stretch of blocks is gone
 * over several times: the first pass moves some of each page's rows away, and what is left of them is room in which
 * later passes find place for a new version beside the old one. Answers how many of `parts` are done after each pass but
 * the last, which takes all that are left. Each pass frees what it has done, and needs `growth` times as much: the first
 * is as small as that allows. `rowBytes` is what a row takes now, `shadows` how many columns it gets.
 * 600,000 rows of 160 bytes with two shadows and five indexes on PostgreSQL 18: 58 % of the updates stayed in their page
 * with four passes and 76 % with seven, 13.2 and 11.5 us a row, 666 and 590 bytes of log; more passes gained nothing.
 */
export function passesFor(rowBytes: number, shadows: number): number[] {
  // a row that stays in its page needs a second line pointer, 4 bytes
  const kept = rowBytes / (rowBytes + 16 * shadows + 4);
  const first = Math.min(0.5, (1.05 * (1 - kept)) / (1 - kept ** passCount));
  const done: number[] = [];
  for (let pass = 0, share = first, sum = 0; pass < passCount - 1; pass += 1, share *= kept) {
    sum += share;
    const next = Math.max(1, Math.round(sum * parts));
    if (sum > 0.95 || next === done.at(-1)) break;
    done.push(next);
  }
  return done;
}

const passCount = 8;

/**
 * The in-place strategy's SQL. One statement a batch of pages fills all shadows of a table and its mapping rows. $1 and $2
 * are the first block and the block after the last, as bigint. Locks: FOR NO KEY UPDATE on the batch's rows, those
 * that a client holds are skipped and looked at again.
 */
export function batchSql(view: PhaseView, table: TableId, wait: boolean): string {
  return fillSql(view, table, `(${missing(view, table, 'b')})`, wait ? '' : ' skip locked');
}

/**
 * The same for some of the rows: those in the first $3 of `parts`. A row's part comes from its line pointer, times a number
 * that spreads neighbours evenly, so that every page gives up the same share; a hash gives up more here and less there.
 * CASE: the planner would ask for the shadow first, and take each row apart for it.
 */
export function passSql(view: PhaseView, table: TableId): string {
  const part = `(pg_catalog.get_byte(pg_catalog.tidsend(b.ctid), 5) * 39) & ${parts - 1}`;
  return fillSql(
    view,
    table,
    `case when ${part} < $3::int4 then ${missing(view, table, 'b')} else false end`,
    ' skip locked',
  );
}

function fillSql(view: PhaseView, table: TableId, rows: string, locked: string): string {
  const sql = view.sqlTable(table);
  const sets = shadowsOf(view, table).map(
    (m) => `${quoteIdent(m.shadow)} = ${forwardExpression(view, m.forward, 't')}`,
  );
  const key = mappedKey(view, table);
  const update = `update ${sql} t set ${sets.join(', ')}
where t.ctid = any (array(select b.ctid from ${sql} b where b.ctid >= ${tid('$1')} and b.ctid < ${tid('$2')} and ${rows} for no key update of b${locked}))`;
  if (!key)
    return `with done as (${update} returning 1) select pg_catalog.count(*)::float8 as rows from done`;
  return `with done as (${update} returning t.${quoteIdent(key.before as string)}::int8 as old_id, t.${quoteIdent(key.shadow)} as new_id),
mapped as (insert into rekey.${quoteIdent(mappingPartition(table))} (old_id, new_id) select old_id, new_id from done on conflict do nothing)
select pg_catalog.count(*)::float8 as rows from done`;
}

/** Blocks of the batch in which rows are still without a shadow: those that were skipped. */
export function leftOverSql(view: PhaseView, table: TableId): string {
  return `select distinct ${blockOf('t')} as block from ${view.sqlTable(table)} t
where t.ctid >= ${tid('$1')} and t.ctid < ${tid('$2')} and (${missing(view, table, 't')})`;
}

/** A shadow is missing where its integers are all there and it is null: nulls stay nulls. */
export function missing(view: PhaseView, table: TableId, alias: string): string {
  return shadowsOf(view, table)
    .map((m) => {
      const there = sourceColumns(m).map((c) => `${alias}.${quoteIdent(c)} is not null`);
      return `${alias}.${quoteIdent(m.shadow)} is null and ${there.join(' and ')}`;
    })
    .map((text) => `(${text})`)
    .join(' or ');
}

/** The member whose old and new key the mapping keeps: the table's own key, if it is a domain's and no surrogate. */
export function mappedKey(view: PhaseView, table: TableId): Member | undefined {
  return view.substitution.members.find((m) => m.table === table && m.role === 'key');
}

/** End of `map`: the mapping's primary key, its place in the mapping, and the rows that the trigger filled. */
export function finishMapping(view: PhaseView): Work[] {
  return view.substitution.domains.flatMap((domain) => {
    if (domain.source === 'surrogate') return [];
    const name = mappingPartition(domain.root);
    const partition = `rekey.${quoteIdent(name)}`;
    const object = `mapping of ${domain.root}`;
    return [
      inRekey(attachPartition(domain.root, 'whole'), object),
      inRekey(topUpSql(view, domain.root, 'before'), object),
      inRekey(`analyze ${partition}`, object),
    ];
  });
}

/** Mapping rows of rows that have none yet; a key that changed hands takes its row along. The one way in which rows get in late. */
export function topUpSql(view: PhaseView, root: TableId, moment: 'before' | 'after'): string {
  const key = mappedKey(view, root) as Member;
  const old = quoteIdent(moment === 'before' ? (key.before as string) : (key.legacy as string));
  const uuid = quoteIdent(moment === 'before' ? key.shadow : key.after);
  return `insert into rekey.uuid_migration_mapping (table_name, old_id, new_id)
select ${quoteLiteral(root)}, t.${old}::int8, t.${uuid} from ${view.sqlTable(root)} t
where t.${uuid} is not null and t.${old} is not null and not exists (
  select from rekey.uuid_migration_mapping m where m.table_name = ${quoteLiteral(root)} and m.old_id = t.${old}::int8 and m.new_id = t.${uuid})
on conflict (table_name, old_id) do update set new_id = excluded.new_id, migrated_at = excluded.migrated_at`;
}
