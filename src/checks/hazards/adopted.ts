import { quoteIdent } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { PlainIndex } from '../../kinds/plain-index.js';
import type { UniqueKey } from '../../kinds/unique-key.js';
import type { HazardContext } from './context.js';

/** A reference whose key becomes the row's own must be there in every row, once. */
export async function adoptedReferences({ phase, view, database }: HazardContext): Promise<Hazard[]> {
  const found: Hazard[] = [];
  for (const { table, key } of phase.tables) {
    if (key.source !== 'adopted' || view.member(table, key.adopt) === undefined) continue;
    const column = `t.${quoteIdent(key.adopt)}`;
    const on = `${table}.${key.adopt}`;
    const [row] = await database.query<{ nulls: number; doubles: number }>(
      `select pg_catalog.count(*) filter (where ${column} is null)::float8 as nulls,
         (pg_catalog.count(${column}) - pg_catalog.count(distinct ${column}))::float8 as doubles from ${view.sqlTable(table)} t`,
    );
    const stop = (hazard: string, message: string, remedy: string, count?: number) =>
      found.push({ hazard, rank: 'stop', on, message, remedy, ...(count ? { count } : {}) });
    const { nulls, doubles } = row as { nulls: number; doubles: number };
    if (nulls > 0)
      stop(
        'adopted-null',
        `${nulls} rows of ${table} have no ${key.adopt}, and their key would be missing`,
        'fill it in, or let the table have a derived key',
        nulls,
      );
    else if (
      !view.catalog.tables.find((t) => t.id === table)?.columns.find((c) => c.name === key.adopt)?.notNull
    )
      stop('adopted-null', `${on} may be null`, 'declare it not null, or let the table have a derived key');
    if (doubles > 0)
      stop(
        'adopted-not-unique',
        `${doubles} rows of ${table} share their ${key.adopt} with another row`,
        'make it unique, or let the table have a derived key',
        doubles,
      );
    else if (!isUnique(view.catalog.objects, table, key.adopt))
      stop(
        'adopted-not-unique',
        `${on} has no unique constraint of its own`,
        'add one, or let the table have a derived key',
      );
  }
  return found;
}

function isUnique(
  objects: HazardContext['view']['catalog']['objects'],
  table: string,
  column: string,
): boolean {
  return objects.some((o) => {
    if (o.table !== table) return false;
    if (o.kind === 'unique-key') return (o as UniqueKey).columns.join() === column;
    const { shape, valid } = o as PlainIndex;
    return (
      o.kind === 'index' &&
      valid &&
      shape.unique &&
      shape.predicate === null &&
      shape.keys.length === 1 &&
      shape.keys[0]?.column === column
    );
  });
}
