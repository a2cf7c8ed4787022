import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import { mappingPartition } from './names.js';

/**
 * The mapping of a table is filled without an index; then it gets its primary key and its place in the mapping, once.
 * `left-over`: only where a run that ended before its map was whole has left rows, which the next one would double.
 */
export function attachPartition(root: TableId, when: 'whole' | 'left-over'): string {
  const partition = `rekey.${quoteIdent(mappingPartition(root))}`;
  const hasRows = when === 'left-over' ? ` and exists (select from ${partition})` : '';
  return `do $rekey$ begin
  if not exists (select from pg_catalog.pg_inherits where inhrelid = ${quoteLiteral(partition)}::regclass)${hasRows} then
    alter table ${partition} add primary key (table_name, old_id);
    alter table rekey.uuid_migration_mapping attach partition ${partition} for values in (${quoteLiteral(root)});
  end if;
end $rekey$`;
}
