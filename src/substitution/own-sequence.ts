import { quoteTable } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import type { PhaseView } from './view.js';

/**
 * The sequence, as SQL names it, that the application's own key comes from: the one that its column owns, or the one that
 * its default asks. Null where nothing says where keys come from; the default of a key may call anything else.
 */
export function ownSequence(view: PhaseView, table: TableId, column: string): string | null {
  const found = view.catalog.tables
    .find(({ id }) => id === table)
    ?.columns.find(({ name }) => name === column);
  if (found?.sequence) return quoteTable(found.sequence.schema, found.sequence.name);
  const asked = /^nextval\('((?:[^']|'')+)'::regclass\)$/.exec(found?.default ?? '')?.[1];
  return asked?.replaceAll("''", "'") ?? null;
}
