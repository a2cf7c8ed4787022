import { quoteIdent, quoteLiteral } from '../../src/catalog/quote.js';
import {
  keyColumn,
  keyOf,
  type PairReference,
  type RandomSchema,
  type RandomTable,
  type Reference,
  typeOf,
} from './random-tables.js';

/** Rows before constraints: neither order nor cycles matter. */
export function ddl({ tables }: RandomSchema): string[] {
  return [
    ...tables.map((table, at) => createTable(tables, table, at)),
    ...tables.flatMap((table, at) => insertRows(tables, table, at)),
    ...tables.flatMap((table) => table.references.flatMap((r, i) => constraints(tables, table, r, i))),
    ...tables.flatMap((table) => table.pairs.map((p) => pairConstraint(tables, table, p))),
    ...tables.flatMap((table) => table.extras),
  ];
}

function createTable(tables: RandomTable[], table: RandomTable, at: number): string {
  const { key } = table;
  const columns: string[] = [];
  if (key.kind === 'own') {
    const serial: Record<string, string> = {
      smallint: 'smallserial',
      integer: 'serial',
      bigint: 'bigserial',
    };
    const type =
      key.generator === 'serial'
        ? serial[key.type]
        : key.generator === 'none'
          ? key.type
          : `${key.type} generated ${key.generator} as identity`;
    columns.push(`${quoteIdent(key.column)} ${type} primary key`);
  }
  columns.push('ref text not null unique', 'n integer');
  for (const [i, r] of table.references.entries()) {
    const parent = (tables[r.target] as RandomTable).rows.length ? keyOf(tables, r.target, 0) : null;
    const byDefault = r.byDefault && parent !== null ? ` default ${parent}` : '';
    const unique = r.unique && !(table.key.kind === 'shared' && i === 0) ? ' unique' : '';
    columns.push(
      `${quoteIdent(r.column)} ${typeOf(tables, r.target)}${r.nullable ? '' : ' not null'}${byDefault}${unique}`,
    );
  }
  for (const { withN } of table.references) if (withN !== null) columns.push(`${quoteIdent(withN)} integer`);
  for (const { columns: pair, target } of table.pairs) {
    const parent = tables[target] as RandomTable;
    for (const [i, column] of pair.entries())
      columns.push(`${quoteIdent(column)} ${typeOf(tables, parent.references[i]?.target as number)}`);
  }
  if (key.kind === 'shared')
    columns.push(`primary key (${quoteIdent(keyColumn(tables[at] as RandomTable))})`);
  if (key.kind === 'pair')
    columns.push(
      `primary key (${table.references
        .slice(0, 2)
        .map((r) => quoteIdent(r.column))
        .join(', ')})`,
    );
  return `create table ${quoteIdent(table.name)} (${columns.join(', ')})`;
}

function insertRows(tables: RandomTable[], table: RandomTable, at: number): string[] {
  if (table.rows.length === 0) return [];
  const { key } = table;
  const columns = [
    ...(key.kind === 'own' ? [key.column] : []),
    'ref',
    'n',
    ...table.references.map((r) => r.column),
    ...table.references.flatMap((r) => (r.withN === null ? [] : [r.withN])),
    ...table.pairs.flatMap((p) => p.columns),
  ];
  const values = table.rows.map((row) => {
    const references = table.references.map((r, i) => {
      const parent = row.references[i] ?? null;
      return parent === null ? 'null' : String(keyOf(tables, r.target, parent));
    });
    const numbers = table.references.flatMap((r, i) => {
      if (r.withN === null) return [];
      const parent = row.references[i] ?? null;
      return [parent === null ? 'null' : String((tables[r.target] as RandomTable).rows[parent]?.n)];
    });
    const pairs = table.pairs.flatMap(({ target }, i) => {
      const parent = row.pairs[i] ?? null;
      if (parent === null) return ['null', 'null'];
      const { references: sides, rows } = tables[target] as RandomTable;
      return [0, 1].map((side) =>
        String(keyOf(tables, sides[side]?.target as number, rows[parent]?.references[side] as number)),
      );
    });
    const all = [
      ...(key.kind === 'own' ? [String(row.key)] : []),
      quoteLiteral(row.label),
      String(row.n),
      ...references,
      ...numbers,
      ...pairs,
    ];
    return `(${all.join(', ')})`;
  });
  const t = quoteIdent(table.name);
  const inserted = `insert into ${t} (${columns.map(quoteIdent).join(', ')}) overriding system value values ${values.join(', ')}`;
  if (key.kind !== 'own' || key.generator === 'none') return [inserted];
  const sequence = `pg_get_serial_sequence(${quoteLiteral(t)}, ${quoteLiteral(key.column)})`;
  const highest = Math.max(
    1,
    ...table.rows.map((_, row) => keyOf(tables, at, row)).filter((k) => k < 32_000),
  );
  return [inserted, `select setval(${sequence}, ${highest})`];
}

function constraints(tables: RandomTable[], table: RandomTable, r: Reference, i: number): string[] {
  const parent = tables[r.target] as RandomTable;
  const deferrable = r.deferrable ? pickTiming(i) : '';
  const refer = (own: string, theirs: string) =>
    `alter table ${quoteIdent(table.name)} add foreign key (${own}) references ${quoteIdent(parent.name)} (${theirs})${r.rules}${deferrable}${r.notValid ? ' not valid' : ''}`;
  const [own, key] = [quoteIdent(r.column), quoteIdent(keyColumn(parent))];
  if (r.withN === null) return [refer(own, key)];
  return [
    `alter table ${quoteIdent(parent.name)} add unique (${key}, n)`,
    refer(own, key),
    refer(`${own}, ${quoteIdent(r.withN)}`, `${key}, n`),
  ];
}

function pairConstraint(tables: RandomTable[], table: RandomTable, p: PairReference): string {
  const parent = tables[p.target] as RandomTable;
  const theirs = parent.references.slice(0, 2).map((r) => quoteIdent(r.column));
  return `alter table ${quoteIdent(table.name)} add constraint ${quoteIdent('of the Pair')} foreign key (${p.columns.map(quoteIdent).join(', ')}) references ${quoteIdent(parent.name)} (${theirs.join(', ')})${p.full ? ' match full' : ''}${p.rules}${p.deferrable ? ' deferrable initially deferred' : ''}`;
}

const pickTiming = (i: number) => (i % 2 ? ' deferrable' : ' deferrable initially deferred');
