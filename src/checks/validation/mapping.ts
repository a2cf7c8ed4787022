import { quoteIdent, quoteLiteral } from '../../catalog/quote.js';
import { topUpSql } from '../../substitution/map.js';
import type { Domain } from '../../substitution/model.js';
import type { PhaseView } from '../../substitution/view.js';
import type { Database } from '../database.js';
import type { OnFinding } from '../findings.js';
import { columnsOf, keyOf, type Side } from './members.js';

export interface MappingCounts {
  on: string;
  /** live rows without a mapping row of their own */
  unmapped: number;
  /** UUIDs that stand for two live rows */
  shared: number;
  /** mapping rows whose owner was deleted: no error */
  deleted: number;
}

/**
 * DESIGN section 8, item 1. Rows that came since the last top-up have no mapping row yet and need none before the next one:
 * so the top-up comes first, in the same snapshot. Writes nothing outside schema rekey.
 */
export async function checkMapping(
  database: Database,
  view: PhaseView,
  domain: Domain,
  side: Side,
  onFinding?: OnFinding,
): Promise<MappingCounts> {
  const counts = await database.transaction(async () => {
    await database.query(topUpSql(view, domain.root, side === 'before-swap' ? 'before' : 'after'));
    const [row] = await database.query<Omit<MappingCounts, 'on'>>(countSql(view, domain, side));
    return { on: domain.root, ...(row as Omit<MappingCounts, 'on'>) };
  }, 'isolation level repeatable read');
  for (const check of ['unmapped', 'shared'] as const)
    if (counts[check] > 0)
      await onFinding?.({ check: `mapping-${check}`, on: domain.root, count: counts[check], example: null });
  return counts;
}

function countSql(view: PhaseView, domain: Domain, side: Side): string {
  const key = columnsOf(keyOf(view, domain.root), side);
  const table = view.sqlTable(domain.root);
  const old = `t.${quoteIdent(key.integer as string)}::int8`;
  const uuid = `t.${quoteIdent(key.uuid)}`;
  const mapping = `rekey.uuid_migration_mapping m where m.table_name = ${quoteLiteral(domain.root)}`;
  return `with live as (
  select pg_catalog.count(*) as rows, pg_catalog.count(m.old_id) as mapped
  from ${table} t left join rekey.uuid_migration_mapping m
    on m.table_name = ${quoteLiteral(domain.root)} and m.old_id = ${old} and m.new_id = ${uuid}
)
select (l.rows - l.mapped)::float8 as unmapped,
  ((select pg_catalog.count(*) from ${mapping}) - l.mapped)::float8 as deleted,
  (select pg_catalog.count(*) from (select m.new_id from ${mapping} group by m.new_id having pg_catalog.count(*) > 1) d
    where (select pg_catalog.count(*) from ${table} t where ${uuid} = d.new_id) > 1)::float8 as shared
from live l`;
}
