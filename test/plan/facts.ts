import { splitTableId } from '../../src/catalog/quote.js';
import type { KeyFacts } from '../../src/plan/domains.js';
import { parseTable } from '../../src/plan/names.js';

/**
 * The keys of a small database, as a catalog would tell them. `users: 'user_id*, email text unique, manager_id > users'`:
 * a star for a column of the key, `>` for a foreign key on the other's first key column, integer unless a type follows.
 */
export function factsOf(tables: Record<string, string>): KeyFacts {
  const facts: KeyFacts = { tables: [], primaryKeys: [], foreignKeys: [], uniques: [] };
  Object.entries(tables).forEach(([written, columns], oid) => {
    const id = parseTable(written)!;
    const { schema, name } = splitTableId(id)!;
    const parsed = columns
      .split(',')
      .map((text) => /^\s*(\S+?)(\*?)(?: ([a-z[\]]+?))??( null)?( unique)?(?: > (\S+))?$/.exec(text)!);
    facts.tables.push({
      id,
      schema,
      name,
      oid: 16_384 + oid,
      kind: 'table',
      isPartition: false,
      inherits: false,
      persistence: 'permanent',
      owner: 'owner',
      rowSecurity: false,
      forceRowSecurity: false,
      estimatedRows: 10,
      pages: 1,
      bytes: 8192,
      grantees: [],
      columns: parsed.map(([, column, , type, nullable], i) => ({
        num: i + 1,
        name: column!,
        type: type ?? 'integer',
        notNull: nullable === undefined,
        default: null,
        identity: null,
        generated: null,
        sequence: null,
        statisticsTarget: null,
        comment: null,
        privileges: [],
      })),
    });
    const key = parsed.filter((c) => c[2] === '*').map((c) => c[1]!);
    if (key.length > 0) facts.primaryKeys.push({ table: id, columns: key, name: `${name}_pkey` });
    for (const [, column, , , , unique, target] of parsed) {
      if (unique) facts.uniques.push({ table: id, columns: [column!], name: `${name}_${column}_key` });
      if (target)
        facts.foreignKeys.push({
          table: id,
          columns: [column!],
          refTable: parseTable(target)!,
          refColumns: [],
          name: `${name}_${column}_fkey`,
        });
    }
  });
  for (const fk of facts.foreignKeys)
    fk.refColumns = [facts.primaryKeys.find((k) => k.table === fk.refTable)!.columns[0]!];
  return facts;
}

/** Adds a foreign key of several columns. */
export function refer(
  facts: KeyFacts,
  table: string,
  columns: string[],
  refTable: string,
  refColumns: string[],
): void {
  facts.foreignKeys.push({
    table,
    columns,
    refTable,
    refColumns,
    name: `${table}_${columns.join('_')}_fkey`,
  });
}
