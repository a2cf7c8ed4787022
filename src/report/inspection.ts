import type { Catalog, Table } from '../catalog/model.js';
import type { Hazard } from '../errors.js';
import { allKinds } from '../kinds/all.js';
import { KeyIndex } from '../plan/domains.js';
import { loadPlanText } from '../plan/load.js';
import type { ColumnRef, Plan, TableId, TablesPhase } from '../plan/model.js';
import { proposePlan } from '../plan/propose.js';
import { substitutionOf } from '../substitution/domains.js';
import { keyFactsOf } from '../substitution/key-facts.js';
import { at } from '../substitution/live-keys.js';
import { statementsOf } from '../substitution/statements.js';
import { PhaseView } from '../substitution/view.js';

/** What a database's catalog says about its keys, before there is a plan. */
export interface Inspection {
  database: string;
  /** server_version_num */
  version: number;
  tables: number;
  /** by the statistics, -1 where no table was ever analyzed */
  estimatedRows: number;
  bytes: number;
  domains: InspectedDomain[];
  /** keys all of whose columns refer to integer keys: they follow */
  follow: InspectedKey[];
  /** composite keys with a part that moves and one that stays as it is */
  composite: (InspectedKey & { stays: string[] })[];
  /** keys that nothing moves: text, UUIDs, integers that refer to no key */
  natural: InspectedKey[];
  /** tables without a primary key */
  keyless: TableId[];
  /** of object kinds and names: what stops a plan that moves everything */
  hazards: Hazard[];
}

export interface InspectedDomain {
  table: TableId;
  column: string;
  type: string;
  estimatedRows: number;
  references: { table: TableId; column: string; type: string; isKey: 'no' | 'part' | 'whole' }[];
}

export interface InspectedKey {
  table: TableId;
  columns: { column: string; type: string }[];
}

/** Pure. `legacyColumns`: what earlier phases on this database left behind. */
export function inspectCatalog(catalog: Catalog, legacyColumns: ColumnRef[] = []): Inspection {
  const facts = keyFactsOf(catalog, legacyColumns);
  const index = new KeyIndex(facts);
  const plan = loadPlanText(proposePlan(facts, catalog.database), 'proposed.yaml');
  const phase = allInOne(plan);
  const substitution = phase ? substitutionOf(plan, phase, catalog, legacyColumns) : null;
  const view = phase && substitution ? new PhaseView(substitution, catalog, phase) : null;
  const tables = catalog.tables.filter((t) => !t.isPartition && t.kind !== 'foreign');
  const keyed = (table: Table): InspectedKey => ({
    table: table.id,
    columns: (index.key(table.id) ?? []).map((column) => ({
      column,
      type: index.column({ table: table.id, column })?.type ?? 'unknown',
    })),
  });
  const isMember = new Set(substitution?.members.map((m) => at(m.table, m.before ?? '')));
  const own = new Set(substitution?.domains.map((d) => d.root));
  const others = tables.filter((t) => index.key(t.id) !== null && !own.has(t.id));
  const stays = (t: Table) => (index.key(t.id) ?? []).filter((c) => !isMember.has(at(t.id, c)));
  const moves = (t: Table) => (index.key(t.id) ?? []).some((c) => isMember.has(at(t.id, c)));
  return {
    database: catalog.database,
    version: catalog.version,
    tables: tables.length,
    estimatedRows: sum(tables.map((t) => Math.max(0, t.estimatedRows))),
    bytes: sum(catalog.tables.map((t) => t.bytes)),
    domains: (substitution?.domains ?? [])
      .toSorted((a, b) => (a.root < b.root ? -1 : 1))
      .map((domain) => {
        const members = substitution?.members.filter((m) => m.domain === domain.root) ?? [];
        const root = index.tables.get(domain.root) as Table;
        return {
          table: domain.root,
          column: domain.column as string,
          type: members.find((m) => m.role === 'key')?.type ?? 'unknown',
          estimatedRows: root.estimatedRows,
          references: members
            .filter((m) => m.role === 'reference')
            .map((m) => ({
              table: m.table,
              column: m.before as string,
              type: m.type as string,
              isKey: keyPart(index.key(m.table) ?? [], m.before as string),
            }))
            .sort(byName),
        };
      }),
    follow: others.filter((t) => stays(t).length === 0).map(keyed),
    composite: others
      .filter((t) => stays(t).length > 0 && moves(t))
      .map((t) => ({ ...keyed(t), stays: stays(t) })),
    natural: others.filter((t) => !moves(t)).map(keyed),
    keyless: tables.filter((t) => index.key(t.id) === null).map((t) => t.id),
    hazards: view ? once(statementsOf(view, allKinds).hazards) : [],
  };
}

/** One phase that moves everything that can move: its closure is every key domain there is. */
export function allInOne(plan: Plan): TablesPhase | null {
  const phases = plan.phases.filter((p): p is TablesPhase => p.kind === 'tables');
  const [first] = phases;
  return first ? { ...first, tables: phases.flatMap((p) => p.tables) } : null;
}

function keyPart(key: string[], column: string): 'no' | 'part' | 'whole' {
  if (!key.includes(column)) return 'no';
  return key.length === 1 ? 'whole' : 'part';
}

/** A view over five tables is one view: what is found about one object is told once. */
export function once(hazards: Hazard[]): Hazard[] {
  const found = new Map<string, Hazard>();
  for (const hazard of hazards) {
    const key = `${hazard.hazard}\u0000${hazard.on}`;
    const before = found.get(key);
    if (!before) found.set(key, hazard);
    else if (!before.message.includes(hazard.message))
      found.set(key, { ...before, message: `${before.message}; ${hazard.message}` });
  }
  return [...found.values()];
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

function byName(a: ColumnRef, b: ColumnRef): number {
  const [x, y] = [`${a.table}.${a.column}`, `${b.table}.${b.column}`];
  return x < y ? -1 : x > y ? 1 : 0;
}
