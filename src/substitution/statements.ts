import { type AnyKind, type ObjectPlan, type SwapStatement, swapSlots, type Work } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { Hazard } from '../errors.js';
import type { ForeignKey } from '../kinds/foreign-key.js';
import type { PlainIndex } from '../kinds/plain-index.js';
import { place } from '../kinds/work.js';
import type { TableId } from '../plan/model.js';
import { addColumns, inRekey } from './add-columns.js';
import { forgetPlans } from './forget-plans.js';
import { dropHoleIndexes, type HoleSweep, holeIndexes, holeSweeps } from './holes.js';
import { at } from './live-keys.js';
import { finishMapping, topUpSql } from './map.js';
import type { Member } from './model.js';
import { followTrigger, syncTrigger } from './names.js';
import { surrogatePlans } from './surrogate.js';
import {
  dropSyncTrigger,
  enableSyncTrigger,
  followSql,
  keyLocation,
  surrogateFollowSql,
  syncFunctionSql,
} from './sync.js';
import type { PhaseView } from './view.js';

/** Every statement of a phase, in order: what the dry run prints is, to the letter, what a run executes. */
export interface PhaseStatements {
  hazards: Hazard[];
  addColumns: { up: Work[]; down: Work[] };
  finishMap: Work[];
  buildTwins: { up: Work[]; down: Work[] };
  /** to lock for the cutover and the way back, referencing tables before referenced ones */
  lockTables: TableId[];
  swap: SwapStatement[];
  /** after the cutover, online: the mapping's rows of late comers */
  afterSwap: Work[];
  beforeSwapBack: Work[];
  /** online before the swap back, and once more under its locks */
  sweeps: HoleSweep[];
  swapBack: SwapStatement[];
  afterSwapBack: Work[];
  dropLegacy: Work[];
  /** names of relations that Rekey makes, for the fingerprint to leave out */
  made: string[];
}

export function statementsOf(view: PhaseView, kinds: AnyKind[]): PhaseStatements {
  const { plans, hazards } = plansOf(view, kinds);
  const by = (pick: (plan: ObjectPlan) => Work[], order: 1 | -1) =>
    [...plans].sort((a, b) => order * (a.rank - b.rank)).flatMap(pick);
  return {
    hazards: [...view.substitution.hazards, ...hazards],
    addColumns: addColumns(view),
    finishMap: finishMapping(view),
    buildTwins: {
      up: [...by((p) => p.buildTwin, 1), ...analyze(view)],
      down: by((p) => p.dropTwin, -1),
    },
    lockTables: lockTables(view),
    swap: inSlots([
      ...renames(view, 'forward'),
      ...plans.flatMap((p) => p.swap),
      ...swapFunctions(view),
      ...forgetPlans(view),
    ]),
    afterSwap: topUps(view, 'after'),
    beforeSwapBack: [...topUps(view, 'after'), ...by((p) => p.beforeSwapBack, 1), ...holeIndexes(view)],
    sweeps: holeSweeps(view),
    swapBack: inSlots([
      ...plans.flatMap((p) => p.swapBack),
      ...renames(view, 'back'),
      ...swapBackTriggers(view),
      ...forgetPlans(view),
    ]),
    // rows that came between the top-up before the locks and the locks: their UUIDs are asked for after dropColumns, too
    afterSwapBack: [
      ...topUps(view, 'before'),
      ...keepBroughtKeys(view),
      ...by((p) => p.afterSwapBack, -1),
      ...dropHoleIndexes(view),
    ],
    dropLegacy: by((p) => p.dropLegacy, -1),
    made: [...new Set(plans.flatMap((p) => p.made))],
  };
}

export function plansOf(view: PhaseView, kinds: AnyKind[]): { plans: ObjectPlan[]; hazards: Hazard[] } {
  const plans: ObjectPlan[] = [];
  const hazards: Hazard[] = [];
  for (const object of touchedObjects(view)) {
    const plan = kinds.find((k) => k.kind === object.kind)?.plan(object, view);
    if (!plan) continue;
    if ('hazard' in plan) hazards.push(plan);
    else plans.push(standsOnUnique(object) ? builtLate(plan) : plan);
  }
  return { plans: [...plans, ...surrogatePlans(view)], hazards };
}

/** Unique twins, and the foreign keys that need one to refer to: what `twins: late` builds after the approval. */
export function standsOnUnique(object: CatalogObject): boolean {
  if (object.kind === 'unique-key' || object.kind === 'foreign-key') return true;
  return object.kind === 'index' && (object as PlainIndex).shape.unique;
}

/**
 * The index on integers that is set aside, too: an upsert that names its constraint has that one for its arbiter alone, and
 * is refused by the other where an upsert by columns would have both.
 */
function builtLate(plan: ObjectPlan): ObjectPlan {
  return { ...plan, buildTwin: plan.buildTwin.map((work) => ({ ...work, late: true })) };
}

/** Objects that name a member; what names a legacy column of an earlier phase is carried along by PostgreSQL itself. */
export function touchedObjects(view: PhaseView): CatalogObject[] {
  const legacy = new Set(view.substitution.legacyColumns.map((c) => at(c.table, c.column)));
  const touched = view.catalog.objects.filter(
    (o) =>
      o.names.some((c) => view.member(c.table, c.column) !== undefined) &&
      !o.names.some((c) => legacy.has(at(c.table, c.column))),
  );
  const isKey = (o: CatalogObject): o is ForeignKey => o.kind === 'foreign-key';
  // their twins have to fire in the order in which they do
  return [...touched.filter((o) => !isKey(o)), ...touched.filter(isKey).sort((a, b) => a.order - b.order)];
}

function inSlots(statements: SwapStatement[]): SwapStatement[] {
  return swapSlots.flatMap((slot) => statements.filter((s) => s.slot === slot));
}

/** Members first leave their names, then shadows take them; the way back is the same with the roles exchanged. */
function renames(view: PhaseView, direction: 'forward' | 'back'): SwapStatement[] {
  const { members } = view.substitution;
  const rename = (m: Member, from: string, to: string): SwapStatement => ({
    slot: 'renameColumns',
    text: `alter table ${view.sqlTable(m.table)} rename column ${quoteIdent(from)} to ${quoteIdent(to)}`,
    object: `${m.table}.${from}`,
  });
  const seen = new Set<string>();
  const shadows = members.filter((m) => {
    const name = at(m.table, m.shadow);
    return seen.has(name) ? false : seen.add(name);
  });
  const old = members.filter((m) => m.before !== null);
  return direction === 'forward'
    ? [
        ...old.map((m) => rename(m, m.before as string, m.legacy as string)),
        ...shadows.map((m) => rename(m, m.shadow, m.after)),
      ]
    : [
        ...shadows.map((m) => rename(m, m.after, m.shadow)),
        ...old.map((m) => rename(m, m.legacy as string, m.before as string)),
      ];
}

/** The sync functions turn round; the follow triggers go, as an adopted key is its reference from now on. */
function swapFunctions(view: PhaseView): SwapStatement[] {
  const { domains, tables, members } = view.substitution;
  const statement = (text: string, object: string): SwapStatement => ({ slot: 'triggers', text, object });
  return [
    ...tables.flatMap((table) =>
      followSql(view, table)
        ? [
            statement(
              dropSyncTrigger(view, table, followTrigger(view.substitution.phase)),
              `follow trigger of ${table}`,
            ),
          ]
        : [],
    ),
    ...tables.flatMap((table) => {
      const follow = surrogateFollowSql(view, table);
      return follow
        ? [follow.function, follow.trigger, enableSyncTrigger(view, table, follow.name)].map((text) =>
            statement(text, `follow trigger of ${table}`),
          )
        : [];
    }),
    ...tables.map((table) => statement(syncFunctionSql(view, table, 'reverse'), `sync function of ${table}`)),
    ...domains.flatMap((domain) => {
      const key = members.find((m) => m.table === domain.root && m.role === 'key');
      if (!key) return [];
      const result = [
        statement(keyLocation(view, domain.root, key.legacy, key.after), `key location of ${domain.root}`),
      ];
      if (domain.sequence !== null)
        result.push(
          statement(
            `select pg_catalog.setval(${quoteLiteral(`rekey.${quoteIdent(domain.sequence)}`)}, coalesce((select pg_catalog.max(t.${quoteIdent(key.legacy as string)}) from ${view.sqlTable(domain.root)} t), 0)::int8 + 1, false)`,
            `sequence of ${domain.root}`,
          ),
        );
      return result;
    }),
  ];
}

/**
 * After the way back integers are the keys again. Only `rekey.old_key` still reads the shadows, for rows that the mapping
 * does not have yet; the steps that follow drop them.
 */
function swapBackTriggers(view: PhaseView): SwapStatement[] {
  const { domains, tables, members, phase } = view.substitution;
  return [
    ...tables.map(
      (table): SwapStatement => ({
        slot: 'dropDefaults',
        text: dropSyncTrigger(view, table, syncTrigger(phase)),
        object: `sync trigger of ${table}`,
      }),
    ),
    ...tables.flatMap((table): SwapStatement[] =>
      surrogateFollowSql(view, table)
        ? [
            {
              slot: 'dropDefaults',
              text: dropSyncTrigger(view, table, followTrigger(phase)),
              object: `follow trigger of ${table}`,
            },
          ]
        : [],
    ),
    ...domains.flatMap((domain): SwapStatement[] => {
      const key = members.find((m) => m.table === domain.root && m.role === 'key');
      return key
        ? [
            {
              slot: 'triggers',
              text: keyLocation(view, domain.root, key.before, key.shadow),
              object: `key location of ${domain.root}`,
            },
          ]
        : [];
    }),
  ];
}

function topUps(view: PhaseView, moment: 'before' | 'after'): Work[] {
  return view.substitution.domains
    .filter((d) => d.source !== 'surrogate')
    .map((d) => {
      const work = inRekey(topUpSql(view, d.root, moment), `mapping of ${d.root}`);
      const key = view.substitution.members.find((m) => m.table === d.root && m.role === 'key');
      if (moment === 'after' || !key) return work;
      // a rollback that is begun again may be past dropColumns
      return {
        ...work,
        unless: { see: 'column', ...place(view, d.root), name: key.shadow, present: false },
      };
    });
}

/** The same id gives the same UUID in a second run, also where the application brought it. */
function keepBroughtKeys(view: PhaseView): Work[] {
  return view.substitution.domains
    .filter((d) => d.source === 'derived')
    .map((d) =>
      inRekey(
        `select rekey.keep_brought_keys(${quoteLiteral(d.root)}, ${quoteLiteral(d.keyFunction as string)})`,
        `key function of ${d.root}`,
      ),
    );
}

function analyze(view: PhaseView): Work[] {
  return view.substitution.tables.map((table) => ({
    text: `analyze ${view.sqlTable(table)}`,
    object: table,
    locks: 'none',
    done: null,
  }));
}

/** Both ends of every foreign key that goes or comes, so that no statement of the cutover has a lock to wait for. */
function lockTables(view: PhaseView): TableId[] {
  const order = [...view.substitution.tables];
  for (const object of touchedObjects(view)) {
    if (object.table !== null && !order.includes(object.table)) order.push(object.table);
  }
  return order;
}
