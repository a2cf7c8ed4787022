import * as fc from 'fast-check';
import { cutName } from '../../src/catalog/cut-name.js';
import { quoteIdent } from '../../src/catalog/quote.js';
import {
  adoptedAs,
  childrenAs,
  type Key,
  type RandomSchema,
  type RandomTable,
  type Reference,
  rootOf,
  surrogateAs,
  typeOf,
} from './random-tables.js';

/** Small schemas of all that is carried over, made at random: tables, references among them, what stands on both, a few rows. */

export type Gen = fc.GeneratorValue;

const names = [
  'people',
  'Order',
  'line items',
  'a_table_with_a_name_of_nearly_sixty_three_bytes_in_its_length',
  'tëxt',
  'select',
];
const actions = [
  '',
  ' on delete cascade',
  ' on delete set null',
  ' on delete set default',
  ' on delete restrict',
];
const changes = ['', ' on update cascade', ' on update set null'];

export function pick<T>(g: Gen, ...values: T[]): T {
  return g(fc.constantFrom<T[]>, ...values) as T;
}

export function int(g: Gen, min: number, max: number): number {
  return g(fc.integer, { min, max });
}

export function randomSchema(g: Gen): RandomSchema {
  const count = int(g, 2, 5);
  const tables: RandomTable[] = [];
  for (let at = 0; at < count; at++) tables.push(randomTable(g, at, tables));
  for (const [at, table] of tables.entries()) addReferences(g, tables, table, at);
  for (const table of tables) adopt(g, tables, table);
  if (!tables.some((t) => t.listed && t.key.kind === 'own')) (tables[0] as RandomTable).listed = true;
  let n = 0;
  for (const at of fillOrder(tables)) n = fill(g, tables, at, n);
  for (const table of tables) table.extras = extras(g, tables, table);
  return { tables, plan: planOf(g, tables) };
}

function randomTable(g: Gen, at: number, before: RandomTable[]): RandomTable {
  const name = names[at] as string;
  const single = before.flatMap((t, i) => (t.key.kind === 'pair' ? [] : [i]));
  const kind = at === 0 ? 'own' : pick(g, 'own', 'own', 'own', 'shared', 'pair', 'pair');
  const table = { name, listed: true, references: [], pairs: [], extras: [], rows: [] };
  if (kind === 'own') {
    const key: Key = {
      kind: 'own',
      column: pick(g, 'id', `${name.slice(0, 50)}_id`, 'Key'),
      type: pick(g, 'integer', 'bigint', 'smallint', 'integer'),
      generator: pick(g, 'serial', 'always', 'by default', 'none', 'serial'),
      adopt: null,
    };
    return { ...table, key, listed: int(g, 0, 9) > 0 };
  }
  const reference = (column: string): Reference => ({
    column,
    target: pick(g, ...single),
    nullable: false,
    unique: kind === 'shared',
    rules: pick(g, '', ' on delete cascade', ' on delete cascade on update cascade'),
    deferrable: pick(g, true, false),
    byDefault: false,
    notValid: false,
    withN: null,
  });
  if (kind === 'shared') return { ...table, key: { kind }, references: [reference('of_id')] };
  return {
    ...table,
    key: { kind, surrogate: pick(g, true, false) },
    references: [reference('left_id'), reference('Right')],
  };
}

/** To any table, itself and later ones included: cycles come about. */
function addReferences(g: Gen, tables: RandomTable[], table: RandomTable, at: number): void {
  const single = tables.flatMap((t, i) => (t.key.kind === 'pair' ? [] : [i]));
  const pairs = tables.flatMap((t, i) => (t.key.kind === 'pair' && i !== at ? [i] : []));
  for (let i = int(g, 0, 2); i > 0; i--) {
    const target = pick(g, ...single);
    const nullable = target >= at || pick(g, true, false);
    table.references.push({
      column: pick(g, `ref${i}`, `Ref ${i}`, `${table.name.slice(0, 52)}_ref${i}`),
      target,
      nullable,
      unique: false,
      rules: pick(g, ...actions) + pick(g, ...changes),
      deferrable: pick(g, true, false),
      byDefault: pick(g, true, false, false),
      notValid: pick(g, true, false, false),
      withN: pick(g, true, false, false) ? `n of ${i}` : null,
    });
  }
  if (pairs.length && pick(g, true, false)) {
    table.pairs.push({
      columns: ['pair_a', 'pair_b'],
      target: pick(g, ...pairs),
      full: pick(g, true, false),
      rules: pick(g, '', ' on delete cascade', ' on delete set null') + pick(g, '', ' on update cascade'),
      deferrable: pick(g, true, false),
    });
  }
}

/** A reference to a derived key becomes the key: it has to be unique and not null, to a parent with more rows. */
function adopt(g: Gen, tables: RandomTable[], table: RandomTable): void {
  const { key } = table;
  if (key.kind !== 'own' || !table.listed || !pick(g, true, false, false)) return;
  const targets = tables.flatMap((t, i) =>
    t !== table && t.listed && t.key.kind === 'own' && t.key.adopt === null ? [i] : [],
  );
  if (targets.length === 0) return;
  const target = pick(g, ...targets);
  // whoever is adopted from stays derived
  if (
    tables.some(
      (t) =>
        t.key.kind === 'own' &&
        t.key.adopt !== null &&
        tables[t.references[t.key.adopt]?.target as number] === table,
    )
  )
    return;
  key.adopt = table.references.length;
  table.references.push({
    column: 'adopted_from',
    target,
    nullable: false,
    unique: true,
    rules: pick(g, '', ' on delete cascade', ' on update cascade'),
    deferrable: pick(g, true, false),
    byDefault: false,
    notValid: false,
    withN: null,
  });
}

/** Parents of references that must be given first. */
function fillOrder(tables: RandomTable[]): number[] {
  const order: number[] = [];
  const visit = (at: number, path: number[]) => {
    if (order.includes(at) || path.includes(at)) return;
    const { references, pairs } = tables[at] as RandomTable;
    for (const { target, nullable } of references) if (!nullable) visit(target, [...path, at]);
    for (const { target } of pairs) visit(target, [...path, at]);
    order.push(at);
  };
  for (const at of tables.keys()) visit(at, []);
  return order;
}

const keys = [1, 2, 3, 5, -1, -7, 100, 32_000];

function fill(g: Gen, tables: RandomTable[], at: number, start: number): number {
  const table = tables[at] as RandomTable;
  const rowsOf = (target: number) => (tables[target] as RandomTable).rows.length;
  const wanted = int(g, 0, 5);
  const pairsUsed = new Set<string>();
  const takenParents = new Map<number, Set<number>>();
  let n = start;
  for (let i = 0; i < wanted; i++) {
    const references = table.references.map(({ target, nullable, unique }, r) => {
      const taken = takenParents.get(r) ?? new Set<number>();
      takenParents.set(r, taken);
      const free = Array.from({ length: rowsOf(target) }, (_, p) => p).filter(
        (p) => !unique || !taken.has(p),
      );
      if (free.length === 0 || (nullable && pick(g, true, false, false))) return nullable ? null : -1;
      const parent = pick(g, ...free);
      taken.add(parent);
      return parent;
    });
    if (references.includes(-1)) continue;
    if (table.key.kind === 'pair') {
      const pair = references.slice(0, 2).join();
      if (pairsUsed.has(pair)) continue;
      pairsUsed.add(pair);
    }
    const pairs = table.pairs.map(({ target }) =>
      rowsOf(target) && pick(g, true, false) ? int(g, 0, rowsOf(target) - 1) : null,
    );
    n += 1;
    table.rows.push({
      label: `r${n}`,
      n,
      key: table.key.kind === 'own' ? (keys[table.rows.length] as number) : null,
      references,
      pairs,
    });
  }
  return n;
}

function extras(g: Gen, tables: RandomTable[], table: RandomTable): string[] {
  const t = quoteIdent(table.name);
  const members = [
    ...(table.key.kind === 'own' ? [{ column: table.key.column, type: table.key.type }] : []),
    ...table.references.map((r) => ({ column: r.column, type: typeOf(tables, r.target) })),
  ];
  const made: string[] = [];
  for (let i = int(g, 0, 4); i > 0; i--) {
    const member = pick(g, ...members);
    const other = pick(g, ...members);
    const m = quoteIdent(member.column);
    const same = member.type === other.type && member !== other;
    const o = quoteIdent(other.column);
    made.push(
      pick(
        g,
        `alter table ${t} add constraint ${quoteIdent(`u${i} ${table.name}`.slice(0, 60))} unique (${m}, n)`,
        `create unique index ${quoteIdent(`Ui${i}_${table.name.slice(0, 20)}`)} on ${t} (n desc, ${m})`,
        `create index on ${t} (${m} desc nulls last, n)`,
        `create index on ${t} (n) include (${m}) where ${m} is not null`,
        `create index on ${t} using hash (${m})`,
        `create index on ${t} (n, ${m}) with (fillfactor = 70)`,
        `alter table ${t} add unique (ref, ${m}) deferrable initially deferred`,
        `alter table ${t} add unique (${m}, ref) include (n)`,
        `alter table ${t} add check (${m} is not null or n > 0) not valid`,
        `create index on ${t} ((coalesce(${m}, ${same ? o : m})))`,
        `alter table ${t} add check (${m} is not null or n is not null)`,
        same ? `alter table ${t} add check (${m} <> ${o} or n > 0)` : `alter table ${t} add check (n > 0)`,
        `comment on column ${t}.${m} is 'what ''it'' is'`,
        `grant select (${m}), update (${m}) on ${t} to app_ro`,
        `alter table ${t} alter column ${m} set statistics 250`,
        `create statistics ${quoteIdent(`stat${i}_${table.name.slice(0, 20)}`)} on ${m}, n from ${t}`,
        // names that Rekey would give
        pick(
          g,
          ...[`${table.name}_pkey_uuid`, `legacy_${table.name}_pkey`, `${table.name}_ref_key_uuid`].map(
            (name) => `create sequence if not exists ${quoteIdent(cutName(name))}`,
          ),
          `create or replace view ${quoteIdent(cutName(`${table.name}_${childrenAs(table)}_idx`))} as select 1 as one`,
        ),
      ),
    );
  }
  return made;
}

function planOf(g: Gen, tables: RandomTable[]): string {
  const moved = (at: number) => (tables[rootOf(tables, at)] as RandomTable).listed;
  for (const table of tables) {
    // a surrogate needs both of its columns in its phase
    if (table.key.kind === 'pair' && !table.references.slice(0, 2).every((r) => moved(r.target)))
      table.key.surrogate = false;
  }
  const entry = (table: RandomTable) => {
    const { key } = table;
    const t = JSON.stringify(table.name);
    if (key.kind === 'own' && key.adopt !== null)
      return `      - { table: ${t}, key: { adopt: ${JSON.stringify(table.references[key.adopt]?.column)}, as: ${JSON.stringify(adoptedAs)} } }`;
    if (key.kind === 'pair')
      return `      - { table: ${t}, key: { surrogate: ${surrogateAs} }, children: ${JSON.stringify(childrenAs(table))} }`;
    return `      - ${t}`;
  };
  const listed = tables.filter(
    (t) => (t.key.kind === 'own' && t.listed) || (t.key.kind === 'pair' && t.key.surrogate),
  );
  const together = listed.some(
    (t) => t.key.kind === 'pair' || (t.key.kind === 'own' && t.key.adopt !== null),
  );
  const first =
    together || listed.length < 2 || pick(g, true, false)
      ? listed
      : listed.slice(0, int(g, 1, listed.length - 1));
  const rest = listed.slice(first.length);
  return [
    'version: 1',
    'plan: random',
    `keys: { version: ${pick(g, 4, 7)} }`,
    'phases:',
    '  - { phase: foundation, kind: foundation }',
    '  - phase: first',
    '    tables:',
    ...first.map(entry),
    ...(rest.length ? ['  - phase: second', '    tables:', ...rest.map(entry)] : []),
    '  - { phase: cleanup, kind: cleanup }',
  ].join('\n');
}
