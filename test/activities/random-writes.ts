import { quoteIdent, quoteLiteral } from '../../src/catalog/quote.js';
import { type Gen, int, pick } from './random-schema.js';
import {
  adoptedAs,
  childrenAs,
  keyColumn,
  type RandomSchema,
  type RandomTable,
  surrogateAs,
} from './random-tables.js';

/**
 * What an application writes, said by the rows' texts: the same write is SQL for integer keys and for UUIDs. A second
 * database without Rekey gets the first, so that it says what had to come of it.
 */
export interface Write {
  what: 'insert' | 'refer' | 'delete' | 'rekey' | 'family' | 'touch';
  table: number;
  label: string;
  n: number;
  /** for an insert: whether the key is given where a default could give it */
  giveKey: boolean;
  /** by reference: the parent's label, null, or 'default' to leave it out */
  references: (string | null | undefined)[];
  pairs: (string | null)[];
  /** name the pair's row by its surrogate, where there is one */
  bySurrogate: boolean;
  /** which reference is changed, or leads from child to parent in a family */
  reference: number;
  childFirst: boolean;
  number: number;
}

/** How the database looks to the writer: which tables have UUID keys. */
export interface Sight {
  schema: RandomSchema;
  /** tables whose own domain has been cut over */
  cutOver: (table: number) => boolean;
  cleaned: boolean;
}

export function randomWrites(
  g: Gen,
  schema: RandomSchema,
  labels: string[][],
  counter: { n: number },
): Write[] {
  return Array.from({ length: int(g, 0, 6) }, () => randomWrite(g, schema, labels, counter));
}

function randomWrite(g: Gen, schema: RandomSchema, labels: string[][], counter: { n: number }): Write {
  const at = int(g, 0, schema.tables.length - 1);
  const table = schema.tables[at] as RandomTable;
  const any = (target: number): string | null => {
    const known = labels[target] ?? [];
    return known.length ? pick(g, ...known) : null;
  };
  counter.n += 1;
  const what = pick(
    g,
    'insert',
    'insert',
    'insert',
    'refer',
    'refer',
    'delete',
    'rekey',
    'family',
    'touch',
  ) as Write['what'];
  const inserts = what === 'insert' || what === 'family';
  const label = inserts ? `w${counter.n}` : (any(at) ?? 'none');
  const write: Write = {
    what,
    table: at,
    label,
    n: 1_000 + counter.n,
    giveKey: pick(g, true, false, false),
    references: table.references.map((r) =>
      r.byDefault && pick(g, true, false)
        ? undefined
        : r.nullable && pick(g, true, false, false)
          ? null
          : any(r.target),
    ),
    pairs: table.pairs.map((p) => (pick(g, true, false) ? any(p.target) : null)),
    bySurrogate: pick(g, true, false),
    reference: table.references.length ? int(g, 0, table.references.length - 1) : 0,
    childFirst: pick(g, true, false),
    number: 20_000 + counter.n,
  };
  // not to be known beforehand whether it works: a label too many leads nowhere, and does no harm
  if (inserts) labels[at]?.push(label);
  if (what === 'family') {
    const target = table.references[write.reference]?.target;
    if (target !== undefined) labels[target]?.push(`${label}p`);
  }
  return write;
}

const uuidOf = (number: number) => `'00000000-0000-4000-8000-${String(number).padStart(12, '0')}'::uuid`;

export function sqlOf(write: Write, sight: Sight): string[] {
  const table = sight.schema.tables[write.table] as RandomTable;
  const t = quoteIdent(table.name);
  const where = `where ref = ${quoteLiteral(write.label)}`;
  switch (write.what) {
    case 'insert':
      return [insertSql(write, sight)];
    case 'touch':
      return [`update ${t} set n = ${write.n} ${where}`];
    case 'delete':
      return [`delete from ${t} ${where}`];
    case 'refer': {
      const r = table.references[write.reference];
      if (!r || isKeyNow(sight, write.table, write.reference)) return [];
      const value = write.references[write.reference] ?? null;
      return [
        `update ${t} set ${quoteIdent(referenceColumn(sight, write.table, write.reference))} = ${keyOfLabel(sight, r.target, value)} ${where}`,
      ];
    }
    case 'rekey': {
      const { key } = table;
      if (key.kind !== 'own' || key.adopt !== null || key.generator === 'always') return [];
      if (isAdopted(sight, write.table)) return [];
      return [
        `update ${t} set ${quoteIdent(key.column)} = ${keyValue(sight, write.table, write.number)} ${where}`,
      ];
    }
    case 'family':
      return familySql(write, sight);
  }
}

/** An adopted reference is a key after the cutover: to change it is to change what others refer to. */
function isKeyNow(sight: Sight, at: number, reference: number): boolean {
  const { key } = sight.schema.tables[at] as RandomTable;
  return key.kind === 'own' && key.adopt === reference && sight.cutOver(at);
}

function isAdopted(sight: Sight, at: number): boolean {
  return sight.schema.tables.some(({ references }, child) =>
    references.some((r, i) => r.target === at && isKeyNow(sight, child, i)),
  );
}

/** Child and parent in one transaction, in either order. */
function familySql(write: Write, sight: Sight): string[] {
  const { tables } = sight.schema;
  const table = tables[write.table] as RandomTable;
  const r = table.references[write.reference];
  const parent = r && (tables[r.target] as RandomTable);
  if (!r || parent?.key.kind !== 'own' || parent.key.adopt !== null || parent.key.generator === 'always')
    return [];
  const key = keyValue(sight, r.target, write.number + 5_000);
  const child = insertSql({ ...write, giveKey: false }, sight, { reference: write.reference, value: key });
  const parentWrite: Write = {
    ...write,
    table: r.target,
    label: `${write.label}p`,
    n: write.n + 50_000,
    giveKey: true,
    number: write.number + 5_000,
    references: parent.references.map((p) => (p.nullable ? null : undefined)),
    pairs: parent.pairs.map(() => null),
  };
  const its = insertSql(parentWrite, sight);
  return [
    'begin',
    'set constraints all deferred',
    ...(write.childFirst ? [child, its] : [its, child]),
    'commit',
  ];
}

function insertSql(write: Write, sight: Sight, given?: { reference: number; value: string }): string {
  const { tables } = sight.schema;
  const table = tables[write.table] as RandomTable;
  const { key } = table;
  const values: [string, string][] = [
    ['ref', quoteLiteral(write.label)],
    ['n', String(write.n)],
  ];
  const isUuid = sight.cutOver(write.table);
  if (key.kind === 'own') {
    const adoptedAway = isUuid && key.adopt !== null;
    const needed = key.generator === 'none' && !isUuid;
    const may = key.generator !== 'always';
    if (!adoptedAway && (needed || (may && write.giveKey)))
      values.push([key.column, keyValue(sight, write.table, write.number)]);
  }
  table.references.forEach((r, i) => {
    const label = write.references[i];
    if (given?.reference === i) values.push([referenceColumn(sight, write.table, i), given.value]);
    else if (label !== undefined)
      values.push([referenceColumn(sight, write.table, i), keyOfLabel(sight, r.target, label)]);
  });
  table.pairs.forEach((p, i) => {
    const label = write.pairs[i] ?? null;
    const parent = tables[p.target] as RandomTable;
    const from = (column: string) =>
      label === null
        ? 'null'
        : `(select ${quoteIdent(column)} from ${quoteIdent(parent.name)} where ref = ${quoteLiteral(label)})`;
    const surrogate = parent.key.kind === 'pair' && parent.key.surrogate && sight.cutOver(p.target);
    if (surrogate && (write.bySurrogate || sight.cleaned))
      values.push([childrenAs(parent), from(surrogateAs)]);
    if (!surrogate || !write.bySurrogate || sight.cleaned)
      for (const [side, column] of p.columns.entries())
        values.push([column, from(parent.references[side]?.column as string)]);
  });
  return `insert into ${quoteIdent(table.name)} (${values.map(([c]) => quoteIdent(c)).join(', ')}) values (${values.map(([, v]) => v).join(', ')})`;
}

function keyValue(sight: Sight, table: number, number: number): string {
  return sight.cutOver(table) ? uuidOf(number) : String(number);
}

function keyOfLabel(sight: Sight, target: number, label: string | null): string {
  if (label === null) return 'null';
  const parent = sight.schema.tables[target] as RandomTable;
  return `(select ${quoteIdent(keyNow(sight, target))} from ${quoteIdent(parent.name)} where ref = ${quoteLiteral(label)})`;
}

export function keyNow(sight: Sight, at: number): string {
  const table = sight.schema.tables[at] as RandomTable;
  const { key } = table;
  return key.kind === 'own' && key.adopt !== null && sight.cutOver(at) ? adoptedAs : keyColumn(table);
}

export function referenceColumn(sight: Sight, at: number, reference: number): string {
  const table = sight.schema.tables[at] as RandomTable;
  const { key } = table;
  if (key.kind === 'own' && key.adopt === reference && sight.cutOver(at)) return adoptedAs;
  return table.references[reference]?.column as string;
}

/** One query a table: what every row is, and the texts of the rows that its references lead to. */
export function stateSql(sight: Sight, at: number): string {
  const { tables } = sight.schema;
  const table = tables[at] as RandomTable;
  const references = table.references.map((r, i) => {
    const parent = tables[r.target] as RandomTable;
    const column = `t.${quoteIdent(referenceColumn(sight, at, i))}`;
    return `case when ${column} is null then null else coalesce((select p.ref from ${quoteIdent(parent.name)} p where p.${quoteIdent(keyNow(sight, r.target))} = ${column}), 'nowhere') end`;
  });
  const pairs = table.pairs.map((p) => {
    const parent = tables[p.target] as RandomTable;
    const on = p.columns.map(
      (c, side) => `p.${quoteIdent(parent.references[side]?.column as string)} = t.${quoteIdent(c)}`,
    );
    const nulls = p.columns.map((c) => `(t.${quoteIdent(c)} is null)::text`);
    return `concat_ws(' ', ${nulls.join(', ')}, (select p.ref from ${quoteIdent(parent.name)} p where ${on.join(' and ')}))`;
  });
  const parts = ['t.ref', 't.n::text', ...references, ...pairs];
  return `select array_to_string(array[${parts.join(', ')}], ' | ', 'null') as row from ${quoteIdent(table.name)} t order by t.ref`;
}
