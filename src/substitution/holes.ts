import { cutName } from '../catalog/cut-name.js';
import type { Work } from '../catalog/kind.js';
import { quoteIdent } from '../catalog/quote.js';
import { createIndexWork, dropIndexWork } from '../kinds/work.js';
import type { TableId } from '../plan/model.js';
import type { PhaseView } from './view.js';

/**
 * A hole is a legacy reference that is null although its UUID is not: the parent came later in the same transaction.
 * They are swept online before the swap back, and those of the last moment under its locks, found by a partial index
 * so that the time under the locks does not grow with the table.
 */
export interface HoleSweep {
  table: TableId;
  /** fills the holes: the sync trigger computes a legacy reference again where it is null */
  sweep: string;
  /** one row, `holes` as float8 */
  count: string;
}

export function holeSweeps(view: PhaseView): HoleSweep[] {
  return view.substitution.tables.flatMap((table) => {
    const first = referencesOf(view, table)[0];
    if (!first) return [];
    const where = predicate(view, table);
    const column = quoteIdent(first.legacy as string);
    return [
      {
        table,
        sweep: `update ${view.sqlTable(table)} set ${column} = ${column} where ${where}`,
        count: `select pg_catalog.count(*)::float8 as holes from ${view.sqlTable(table)} where ${where}`,
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

function predicate(view: PhaseView, table: TableId): string {
  return referencesOf(view, table)
    .map((m) => `(${quoteIdent(m.after)} is not null and ${quoteIdent(m.legacy as string)} is null)`)
    .join(' or ');
}

function indexName(view: PhaseView, table: TableId): string {
  return cutName(`rekey_holes_${view.substitution.phase}_${view.nameOf(table)}`);
}
