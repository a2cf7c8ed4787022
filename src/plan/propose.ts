import type { Table } from '../catalog/model.js';
import { quoteIdent } from '../catalog/quote.js';
import { defaults } from './defaults.js';
import { isInteger, type KeyFacts, KeyIndex } from './domains.js';
import type { TableId } from './model.js';

/** Phases with more tables than this are hard to look after at one checkpoint. */
const mostTables = 12;
/** A table that refers to nothing is a leaf while at most so many others refer to it. */
const fewReferrers = 2;

/**
 * A plan for a database of which nothing but its catalog is known: foundation, the tables by their foreign keys (what
 * refers to nothing and is hardly referred to first), cleanup. Keys that move with another, and keys that are no
 * integers, are not listed; comments say why. It loads, and checkPlanAgainst finds nothing wrong with it.
 */
export function proposePlan(facts: KeyFacts, name: string): string {
  const index = new KeyIndex(facts);
  const { listed, left } = sortOut(facts, index);
  const groups = inOrder(listed, facts, index);
  const time = timeColumn(listed);
  const lines = [
    '# Proposed from the catalog alone: read it, name the phases as you like, and give the dangerous ones',
    '# a window, readiness checks and approvers. docs/plan-reference.md has all words.',
    'version: 1',
    `plan: ${yamlText(simpleName(name))}`,
    time === null
      ? 'keys: { version: 4 }   # no table says when its rows were made: there is no order for version 7 to keep'
      : `keys: { version: 7, time: ${yamlText(time)} }`,
    'phases:',
    '  - { phase: foundation, kind: foundation }',
    ...groups.flatMap(({ phase, tables }) => [
      '',
      `  - phase: ${yamlText(phase)}`,
      '    tables:',
      ...tables.map((table) => `      - ${yamlText(table.id)}${comment(table, facts)}`),
    ]),
    '',
    '  - { phase: cleanup, kind: cleanup }',
  ];
  if (left.length > 0) {
    lines.push('', '# Not listed:', ...left.map(({ table, because }) => `#   ${oneLine(table)}: ${because}`));
  }
  return `${lines.join('\n')}\n`;
}

function sortOut(
  facts: KeyFacts,
  index: KeyIndex,
): { listed: Table[]; left: { table: TableId; because: string }[] } {
  const listed: Table[] = [];
  const left: { table: TableId; because: string }[] = [];
  for (const table of facts.tables.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (table.isPartition) continue;
    const because = whyNot(table, index);
    if (because === null) listed.push(table);
    else left.push({ table: table.id, because });
  }
  return { listed, left };
}

/** Why a table is not listed, null where it is. */
function whyNot(table: Table, index: KeyIndex): string | null {
  if (table.kind === 'foreign') return 'a foreign table, whose rows are elsewhere';
  const key = index.key(table.id);
  if (key === null) return 'no primary key; its references move with what they refer to';
  const columns = key.map((column) => index.column({ table: table.id, column })!);
  const parents = (column: string) => index.parentsOf({ table: table.id, column });
  if (columns.length > 1) {
    const own = key.filter((column) => parents(column).length === 0);
    return own.length === 0
      ? `its key (${key.map(oneLine).join(', ')}) is made of references and ${columns.some((c) => isInteger(c)) ? 'moves' : 'stays'} with what they refer to`
      : `its key is composite, and ${own.map(oneLine).join(', ')} stays as it is; for a key of its own: key: {surrogate: id}`;
  }
  const [column] = columns;
  if (!column || !isInteger(column))
    return `its key ${oneLine(key[0]!)} has the type ${column?.type ?? 'unknown'} and stays`;
  const [parent] = parents(key[0]!);
  return parent === undefined ? null : `its key refers to ${oneLine(parent)} and moves with it`;
}

interface Group {
  phase: string;
  tables: Table[];
}

/** Tables that refer to each other in a circle, and those whose keys are tied together, stay in one phase. */
function inOrder(listed: Table[], facts: KeyFacts, index: KeyIndex): Group[] {
  const members = together(listed, facts, index);
  const depth = depths(members, facts);
  const referrers = (table: Table) =>
    new Set(
      facts.foreignKeys
        .filter((fk) => fk.refTable === table.id && fk.table !== table.id)
        .map((fk) => fk.table),
    ).size;
  const groups: Group[] = [];
  const names = new Set(['foundation', 'cleanup']);
  const add = (wanted: string, clusters: Table[][]) => {
    for (const tables of chunks(clusters)) {
      groups.push({ phase: freeName(wanted, names), tables });
    }
  };
  for (let level = 0; level <= Math.max(-1, ...depth); level++) {
    const clusters = members.filter((_, i) => depth[i] === level);
    const isLeaf = (cluster: Table[]) =>
      level === 0 && cluster.length === 1 && referrers(cluster[0]!) <= fewReferrers;
    add('leaf-tables', clusters.filter(isLeaf));
    const rest = clusters.filter((cluster) => !isLeaf(cluster));
    const most = rest.flat().toSorted((a, b) => referrers(b) - referrers(a))[0];
    if (most) add(simpleName(most.name), rest);
  }
  return groups;
}

/** The strongly connected tables: each list moves in one phase. */
function together(listed: Table[], facts: KeyFacts, index: KeyIndex): Table[][] {
  const ids = new Set(listed.map((t) => t.id));
  const edges = new Map<TableId, Set<TableId>>(listed.map((t) => [t.id, new Set()]));
  const byDomain = new Map<string, TableId>();
  for (const fk of facts.foreignKeys) {
    if (ids.has(fk.table) && ids.has(fk.refTable)) edges.get(fk.table)!.add(fk.refTable);
  }
  for (const { id } of listed) {
    const domain = index.domain({ table: id, column: index.key(id)![0]! });
    const other = byDomain.get(domain);
    if (other !== undefined) {
      edges.get(id)!.add(other);
      edges.get(other)!.add(id);
    }
    byDomain.set(domain, id);
  }
  const reach = (from: TableId) => {
    const seen = new Set<TableId>();
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const next of edges.get(at)!) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    return seen;
  };
  const reached = new Map(listed.map((t) => [t.id, reach(t.id)]));
  const placed = new Set<TableId>();
  return listed.flatMap((table) => {
    if (placed.has(table.id)) return [];
    const cluster = listed.filter(
      (other) =>
        other === table || (reached.get(table.id)!.has(other.id) && reached.get(other.id)!.has(table.id)),
    );
    for (const one of cluster) placed.add(one.id);
    return [cluster];
  });
}

/** How many steps of references lie below each cluster. */
function depths(clusters: Table[][], facts: KeyFacts): number[] {
  const clusterOf = new Map(clusters.flatMap((tables, i) => tables.map((t) => [t.id, i] as const)));
  const below = clusters.map(() => new Set<number>());
  for (const fk of facts.foreignKeys) {
    const [from, to] = [clusterOf.get(fk.table), clusterOf.get(fk.refTable)];
    if (from !== undefined && to !== undefined && from !== to) below[from]!.add(to);
  }
  const known = new Map<number, number>();
  const depth = (i: number): number => {
    const before = known.get(i);
    if (before !== undefined) return before;
    const found = Math.max(-1, ...[...below[i]!].map(depth)) + 1;
    known.set(i, found);
    return found;
  };
  return clusters.map((_, i) => depth(i));
}

function chunks(clusters: Table[][]): Table[][] {
  const found: Table[][] = [];
  for (const cluster of clusters) {
    const last = found.at(-1);
    if (last && last.length + cluster.length <= mostTables) last.push(...cluster);
    else found.push([...cluster]);
  }
  return found;
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted.slice(0, 59)}-${n}`;
  taken.add(name);
  return name;
}

/** The column that most tables say by when a row was made, null where hardly any does. */
function timeColumn(listed: Table[]): string | null {
  const usual = [
    defaults.keys.time,
    'created',
    'created_on',
    'creation_date',
    'inserted_at',
    'createdAt',
    'date_created',
  ];
  const having = (name: string) =>
    listed.filter((t) => t.columns.some((c) => c.name === name && /^(timestamp|date)/.test(c.type))).length;
  const best = usual
    .filter((name): name is string => name !== null)
    .map((name) => ({ name, tables: having(name) }))
    .toSorted((a, b) => b.tables - a.tables)[0];
  return best && best.tables > 0 ? best.name : null;
}

function comment(table: Table, facts: KeyFacts): string {
  const own = facts.foreignKeys.some((fk) => fk.table === table.id && fk.refTable === table.id);
  return own ? '   # refers to itself' : '';
}

function simpleName(text: string): string {
  const plain = text
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 60);
  return plain === '' ? 'database' : plain;
}

/** Plain where YAML reads it back as this text, else in double quotes. */
function yamlText(text: string): string {
  const plain = /^[A-Za-z_][\w.-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}

/** A name in a comment stays in its line. */
function oneLine(name: string): string {
  return /[\n\r\u0085\u2028\u2029]/.test(name)
    ? quoteIdent(name.replaceAll(/[\n\r\u0085\u2028\u2029]/g, ' '))
    : name;
}
