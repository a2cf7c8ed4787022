import type { LockMode, SwapSlot, SwapStatement, View, Work } from '../catalog/kind.js';
import { quoteIdent } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';

/** Shapes of work that several kinds share; each says which locks it needs and how to see that it is done. */

export function createIndexWork(view: View, table: TableId, name: string, text: string): Work {
  return {
    text,
    object: `index ${name}`,
    locks: 'concurrently',
    done: { see: 'index', schema: view.schemaOf(table), name, present: true },
  };
}

export function dropIndexWork(view: View, table: TableId, name: string): Work {
  const schema = view.schemaOf(table);
  return {
    text: `drop index concurrently if exists ${quoteIdent(schema)}.${quoteIdent(name)}`,
    object: `index ${name}`,
    locks: 'concurrently',
    done: { see: 'index', schema, name, present: false },
  };
}

export function addConstraintWork(
  view: View,
  table: TableId,
  name: string,
  body: string,
  mode: LockMode,
  tables: TableId[] = [table],
): Work {
  return {
    text: `alter table ${view.sqlTable(table)} add constraint ${quoteIdent(name)} ${body}`,
    object: `constraint ${name} on ${table}`,
    locks: { mode, tables },
    done: { see: 'constraint', ...place(view, table), name, present: true },
  };
}

/** VALIDATE takes SHARE UPDATE EXCLUSIVE (and ROW SHARE on the referenced table): no client waits, however long it scans. */
export function validateConstraintWork(view: View, table: TableId, name: string): Work {
  return {
    text: `alter table ${view.sqlTable(table)} validate constraint ${quoteIdent(name)}`,
    object: `constraint ${name} on ${table}`,
    locks: 'none',
    done: { see: 'constraint', ...place(view, table), name, present: true, valid: true },
  };
}

export function dropConstraintWork(
  view: View,
  table: TableId,
  name: string,
  tables: TableId[] = [table],
): Work {
  return {
    text: `alter table ${view.sqlTable(table)} drop constraint if exists ${quoteIdent(name)}`,
    object: `constraint ${name} on ${table}`,
    locks: { mode: 'access exclusive', tables },
    done: { see: 'constraint', ...place(view, table), name, present: false },
  };
}

export function place(view: View, table: TableId): { schema: string; table: string } {
  return { schema: view.schemaOf(table), table: view.nameOf(table) };
}

export function swapTable(
  view: View,
  slot: SwapSlot,
  table: TableId,
  action: string,
  object: string,
): SwapStatement {
  return { slot, text: `alter table ${view.sqlTable(table)} ${action}`, object };
}

export function renameConstraint(view: View, table: TableId, from: string, to: string): SwapStatement {
  return swapTable(
    view,
    'rename',
    table,
    `rename constraint ${quoteIdent(from)} to ${quoteIdent(to)}`,
    `constraint ${from} on ${table}`,
  );
}

export function renameIndex(view: View, table: TableId, from: string, to: string): SwapStatement {
  return {
    slot: 'rename',
    text: `alter index ${quoteIdent(view.schemaOf(table))}.${quoteIdent(from)} rename to ${quoteIdent(to)}`,
    object: `index ${from}`,
  };
}
