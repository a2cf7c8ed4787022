import { cutName } from '../catalog/cut-name.js';
import type { Work } from '../catalog/kind.js';
import { quoteIdent } from '../catalog/quote.js';
import { createIndexWork, dropIndexWork } from '../kinds/work.js';
import type { TableId } from '../plan/model.js';
import { blockOf, tid } from './tid.js';
import type { PhaseView } from './view.js';

/**
 * A hole is a legacy reference that is null although its UUID is not: the parent came later in the same transaction.
 * They are swept online before the swap back, and those of the last moment under its locks, found by a partial index
 * so that the time under the locks does not grow with the table.
 */
export interface HoleSweep {
  table: TableId;
  /** the next blocks with a hole, $1 up to $2, which is left out, $3 at most, as bigint; rows of `block` as float8, in order */
  blocks: string;
  /** fills the holes of blocks $1 up to $2, which is left out, as bigint; rows that a client holds are skipped */
  batch: string;
  /** the same, waiting for those who hold rows */
  waiting: string;
  /** fills all holes: only under the locks of the swap back, and when they are few */
  sweep: string;
  /** one row, `holes` as float8 */
  count: string;
}

/** What fills a hole is the sync trigger: it computes a legacy reference again where it is null. */
export function holeSweeps(view: PhaseView): HoleSweep[] {
  return view.substitution.tables.flatMap((table) => {
    const first = referencesOf(view, table)[0];
    if (!first) return [];
    const sql = view.sqlTable(table);
    const where = predicate(view, table);
    const column = quoteIdent(first.legacy as string);
    const fill = `update ${sql} t set ${column} = t.${column}`;
    const batch = (locked: string) =>
      `${fill} where t.ctid = any (array(select b.ctid from ${sql} b where b.ctid >= ${tid('$1')} and b.ctid < ${tid('$2')} and (${predicate(view, table, 'b.')}) for no key update of b${locked}))`;
    return [
      {
        table,
        blocks: `select distinct ${blockOf('t')} as block from ${sql} t where t.ctid >= ${tid('$1')} and t.ctid < ${tid('$2')} and (${predicate(view, table, 't.')}) order by block limit $3::int8`,
        batch: batch(' skip locked'),
        waiting: batch(''),
        sweep: `${fill} where ${predicate(view, table, 't.')}`,
        count: `select pg_catalog.count(*)::float8 as holes from ${sql} where ${where}`,
      },
    ];
  });
}

export function holeIndexes(view: PhaseView): Work[] {
  return holeSweeps(view).map(({ table }) => {
    const name = indexName(view, table);
    return createIndexWork(
      view,
      table,
      name,
      `create index concurrently ${quoteIdent(name)} on ${view.sqlTable(table)} ((1)) where ${predicate(view, table)}`,
    );
  });
}

export function dropHoleIndexes(view: PhaseView): Work[] {
  return holeSweeps(view).map(({ table }) => dropIndexWork(view, table, indexName(view, table)));
}

function referencesOf(view: PhaseView, table: TableId) {
  return view.substitution.members.filter(
    (m) => m.table === table && m.role === 'reference' && m.legacy !== null,
  );
}

function predicate(view: PhaseView, table: TableId, of = ''): string {
  return referencesOf(view, table)
    .map(
      (m) => `(${of}${quoteIdent(m.after)} is not null and ${of}${quoteIdent(m.legacy as string)} is null)`,
    )
    .join(' or ');
}

function indexName(view: PhaseView, table: TableId): string {
  return cutName(`rekey_holes_${view.substitution.phase}_${view.nameOf(table)}`);
}
