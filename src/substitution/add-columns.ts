import type { Work } from '../catalog/kind.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import { place } from '../kinds/work.js';
import type { TableId } from '../plan/model.js';
import { makeKeyFunction } from './key-expression.js';
import { attachPartition } from './mapping-partition.js';
import { followFunction, mappingPartition, syncFunction, syncTrigger } from './names.js';
import {
  createSyncTrigger,
  dropSyncTrigger,
  enableSyncTrigger,
  followSql,
  keyLocation,
  shadowsOf,
  surrogateFollowSql,
  syncFunctionSql,
} from './sync.js';
import type { PhaseView } from './view.js';

/** Step `addColumns`: key functions, mapping partitions, shadow columns (nullable, no rewrite) and sync triggers. */
export function addColumns(view: PhaseView): { up: Work[]; down: Work[] } {
  const up: Work[] = [...domainWork(view)];
  const down: Work[] = [];
  for (const table of view.substitution.tables) {
    up.push(...tableWork(view, table));
    down.unshift(...undoTable(view, table));
  }
  for (const domain of view.substitution.domains) {
    if (domain.column === null) continue;
    const key = view.substitution.members.find((m) => m.table === domain.root && m.role === 'key');
    up.push(
      inRekey(
        keyLocation(view, domain.root, domain.column, key?.shadow ?? null),
        `key location of ${domain.root}`,
      ),
    );
    down.unshift(
      inRekey(keyLocation(view, domain.root, domain.column, null), `key location of ${domain.root}`),
    );
  }
  const readers = readersOf(view);
  if (readers.length)
    up.push(
      inRekey(
        `select rekey.grant_readers(array[${readers.map(quoteLiteral).join(', ')}]::text[])`,
        'grants to readers',
      ),
    );
  return { up, down };
}

function domainWork(view: PhaseView): Work[] {
  return view.substitution.domains.flatMap((domain) => {
    const work: Work[] = [];
    const make = makeKeyFunction(view, domain);
    if (make !== null) work.push(inRekey(make, `key function of ${domain.root}`));
    if (domain.sequence !== null)
      work.push(
        inRekey(
          `create sequence if not exists rekey.${quoteIdent(domain.sequence)} as int8 minvalue -9223372036854775808 start 1`,
          `sequence of ${domain.root}`,
        ),
      );
    if (domain.source !== 'surrogate') work.push(...mappingTable(domain.root));
    return work;
  });
}

/** A table of its own, filled without an index; its primary key is built and it is attached when the map is whole. */
function mappingTable(root: TableId): Work[] {
  const name = mappingPartition(root);
  const object = `mapping of ${root}`;
  return [
    inRekey(
      `create table if not exists rekey.${quoteIdent(name)} (table_name text not null default ${quoteLiteral(root)} check (table_name = ${quoteLiteral(root)}), old_id int8 not null, new_id uuid not null, migrated_at timestamptz not null default pg_catalog.now())`,
      object,
    ),
    inRekey(attachPartition(root, 'left-over'), object),
  ];
}

function tableWork(view: PhaseView, table: TableId): Work[] {
  const { phase } = view.substitution;
  const shadows = shadowsOf(view, table);
  const alter = `alter table ${view.sqlTable(table)} ${shadows.map((m) => `add column if not exists ${quoteIdent(m.shadow)} uuid`).join(', ')}`;
  const names = shadows.map((m) => m.shadow);
  const trigger = syncTrigger(phase);
  const work: Work[] = [
    {
      text: alter,
      object: `shadow columns of ${table}`,
      locks: { mode: 'access exclusive', tables: [table] },
      done: { see: 'columns', ...place(view, table), names, present: true },
    },
    inRekey(syncFunctionSql(view, table, 'forward'), `sync function of ${table}`),
    {
      text: `${createSyncTrigger(view, table)}; ${enableSyncTrigger(view, table, trigger)}`,
      object: `sync trigger of ${table}`,
      locks: { mode: 'share row exclusive', tables: [table] },
      done: { see: 'trigger', ...place(view, table), name: trigger, present: true },
    },
  ];
  const follow = followSql(view, table);
  if (follow) {
    work.push(inRekey(follow.function, `follow function of ${table}`), {
      text: `${follow.trigger}; ${enableSyncTrigger(view, table, follow.name)}`,
      object: `follow trigger of ${table}`,
      locks: { mode: 'share row exclusive', tables: [table] },
      done: { see: 'trigger', ...place(view, table), name: follow.name, present: true },
    });
  }
  return work;
}

/** Key functions and mapping stay: the same id gives the same UUID in a second run. */
function undoTable(view: PhaseView, table: TableId): Work[] {
  const { phase } = view.substitution;
  const shadows = shadowsOf(view, table);
  const drop = (name: string): Work => ({
    text: dropSyncTrigger(view, table, name),
    object: `sync trigger of ${table}`,
    locks: { mode: 'access exclusive', tables: [table] },
    done: { see: 'trigger', ...place(view, table), name, present: false },
  });
  const follow = followSql(view, table);
  const after = surrogateFollowSql(view, table);
  return [
    ...(after
      ? [
          inRekey(
            `drop function if exists rekey.${quoteIdent(followFunction(phase, table))}()`,
            `follow function of ${table}`,
          ),
        ]
      : []),
    ...(follow
      ? [
          drop(follow.name),
          inRekey(
            `drop function if exists rekey.${quoteIdent(followFunction(phase, table))}()`,
            `follow function of ${table}`,
          ),
        ]
      : []),
    drop(syncTrigger(phase)),
    inRekey(
      `drop function if exists rekey.${quoteIdent(syncFunction(phase, table))}()`,
      `sync function of ${table}`,
    ),
    {
      text: `alter table ${view.sqlTable(table)} ${shadows.map((m) => `drop column if exists ${quoteIdent(m.shadow)}`).join(', ')}`,
      object: `shadow columns of ${table}`,
      locks: { mode: 'access exclusive', tables: [table] },
      done: { see: 'columns', ...place(view, table), names: shadows.map((m) => m.shadow), present: false },
    },
  ];
}

/** Every role that has a privilege on a table of the phase, its owner included. */
export function readersOf(view: PhaseView): string[] {
  const readers = new Set<string>();
  for (const table of view.catalog.tables) {
    if (view.substitution.tables.includes(table.id)) for (const role of table.grantees) readers.add(role);
  }
  return [...readers].sort();
}

/** Work in schema rekey: no client waits for it, and running it again changes nothing. */
export function inRekey(text: string, object: string): Work {
  return { text, object, locks: 'none', done: null };
}
