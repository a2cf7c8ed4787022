import { quoteIdent, splitName, tableId } from '../catalog/quote.js';
import type { ColumnRef, TableId } from './model.js';

/** PostgreSQL cuts longer names without an error: a plan may not give one. In bytes of UTF-8. */
export const longestName = 63;

export function nameBytes(name: string): number {
  return new TextEncoder().encode(name).length;
}

/** The table that `[schema.]table` names, null where it is none. */
export function parseTable(text: string): TableId | null {
  const parts = splitName(text.trim());
  if (!parts || parts.length > 2) return null;
  return parts.length === 2 ? tableId(parts[0]!, parts[1]!) : tableId('public', parts[0]!);
}

/** The column that `[schema.]table.column` names, null where it is none. */
export function parseColumn(text: string): ColumnRef | null {
  const parts = splitName(text.trim());
  if (!parts || parts.length < 2 || parts.length > 3) return null;
  const column = parts.at(-1)!;
  return { table: parts.length === 3 ? tableId(parts[0]!, parts[1]!) : tableId('public', parts[0]!), column };
}

/** As the plan would name it: `users.user_id`, `crm."Order"` only where a part has a dot or a quote in it. */
export function formatColumn(ref: ColumnRef): string {
  return `${ref.table}.${/[."]/.test(ref.column) ? quoteIdent(ref.column) : ref.column}`;
}

/**
 * The table that an object's name in a plan is about: `users`, `users.email`, `policy own on orders`. Null where it
 * names none in a way that can be read without a catalog.
 */
export function tablesNamedBy(object: string): TableId[] {
  const text = / on (\S+)$/.exec(object.trim())?.[1] ?? object.trim();
  const found = [parseTable(text), parseColumn(text)?.table ?? null];
  return found.filter((table): table is TableId => table !== null);
}
