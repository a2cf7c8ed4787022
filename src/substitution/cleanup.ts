import type { Work } from '../catalog/kind.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import { place } from '../kinds/work.js';
import type { ColumnRef, TableId } from '../plan/model.js';
import { inRekey } from './add-columns.js';
import { topUpSql } from './map.js';
import type { Domain, Member } from './model.js';
import { followFunction, followTrigger, syncFunction, syncTrigger } from './names.js';
import type { PhaseStatements } from './statements.js';
import { fillSurrogates } from './surrogate.js';
import { dropSyncTrigger, keyLocation, surrogateFollowSql, syncFunctionSql } from './sync.js';
import type { PhaseView } from './view.js';

export interface FinishedPhase {
  view: PhaseView;
  statements: PhaseStatements;
}

/**
 * Everything that cleanup drops, in order. `dropped`: columns that others have dropped since the cutover; what needs one is
 * left out. First the mapping's last rows; then sync functions stop looking at legacy
 * columns of other tables, so that tables can lose theirs in any order; legacy indexes go online; then, a table at a
 * time, triggers, legacy columns and the default that stays change in one short transaction.
 */
export function dropLegacyWork(phases: FinishedPhase[], dropped: ColumnRef[] = []): Work[] {
  const views = phases.map((p) => p.view);
  const isDropped: IsDropped = (table, column) =>
    dropped.some((c) => c.table === table && c.column === column);
  return [
    ...views.flatMap((view) => fillSurrogates(view, isDropped)),
    ...topUps(views, isDropped),
    ...views.flatMap((view) =>
      view.substitution.tables.map((table) =>
        inRekey(syncFunctionSql(view, table, 'closing'), `sync function of ${table}`),
      ),
    ),
    // the sync functions map new rows themselves from now on; these came before
    ...topUps(views, isDropped),
    ...phases.flatMap((p) => p.statements.dropLegacy),
    ...tablesOf(views).map((table) => dropFromTable(views, table, isDropped)),
    ...views.flatMap(dropOwnThings),
  ];
}

type IsDropped = (table: TableId, column: string) => boolean;

function topUps(views: PhaseView[], isDropped: IsDropped): Work[] {
  return views.flatMap((view) =>
    keysThatStand(view, isDropped).map(({ domain, key }) => ({
      ...inRekey(topUpSql(view, domain.root, 'after'), `mapping of ${domain.root}`),
      // a second try finds tables whose legacy columns have gone, after their last rows were mapped
      unless: {
        see: 'column' as const,
        ...place(view, domain.root),
        name: key.legacy as string,
        present: false,
      },
    })),
  );
}

/** What has to be there before the first drop can be called done, and is not afterwards. */
export function tablesOf(views: PhaseView[]): TableId[] {
  return [...new Set(views.flatMap((view) => view.substitution.tables))];
}

function dropFromTable(views: PhaseView[], table: TableId, isDropped: IsDropped): Work {
  const touching = views.filter((view) => view.substitution.tables.includes(table));
  const first = touching[0] as PhaseView;
  const legacy = touching.flatMap((view) =>
    view.substitution.members
      .filter((m) => m.table === table && m.legacy !== null)
      .map((m) => m.legacy as string),
  );
  const texts = touching.flatMap((view) => [
    dropSyncTrigger(view, table, syncTrigger(view.substitution.phase)),
    ...(surrogateFollowSql(view, table)
      ? [dropSyncTrigger(view, table, followTrigger(view.substitution.phase))]
      : []),
  ]);
  if (legacy.length)
    texts.push(
      `alter table ${first.sqlTable(table)} ${legacy.map((c) => `drop column if exists ${quoteIdent(c)}`).join(', ')}`,
    );
  for (const view of touching) {
    texts.push(...lastingDefaults(view, table, isDropped));
    // in the same transaction: an application that asks for an old key must not look for the column that goes
    for (const { domain, key } of keysThatStand(view, isDropped))
      if (domain.root === table) texts.push(keyLocation(view, table, null, key.after));
  }
  return {
    text: texts.join('; '),
    object: `legacy columns of ${table}`,
    locks: { mode: 'access exclusive', tables: [table] },
    done: {
      see: 'trigger-or-columns',
      ...place(first, table),
      name: syncTrigger(first.substitution.phase),
      columns: legacy,
      present: false,
    },
  };
}

/**
 * The default that stays is PostgreSQL's own, so that dropping the schema rekey afterwards breaks nothing. One that somebody
 * has set since the cutover stays: Rekey gives a key none before.
 */
function lastingDefaults(view: PhaseView, table: TableId, isDropped: IsDropped): string[] {
  return view.substitution.members
    .filter(
      (m) => m.table === table && (m.role === 'key' || m.role === 'surrogate') && !isDropped(table, m.after),
    )
    .flatMap((m) => {
      const domain = view.domain(m.domain);
      if (domain.source === 'adopted') return [];
      return [
        `select rekey.set_lasting_default(${[view.schemaOf(table), view.nameOf(table), m.after, defaultExpression(view.version, domain.version)].map(quoteLiteral).join(', ')})`,
      ];
    });
}

/** Version 7 before 18 from built-in functions: the time in ms in front of a random UUID, with its version set. */
export function defaultExpression(serverVersion: number, version: 4 | 7): string {
  if (version === 4) return 'pg_catalog.gen_random_uuid()';
  if (serverVersion >= 180000) return 'pg_catalog.uuidv7()';
  return `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::int8) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid`;
}

function dropOwnThings(view: PhaseView): Work[] {
  const { phase, tables, domains } = view.substitution;
  return [
    ...tables.map((table) =>
      inRekey(
        `drop function if exists rekey.${quoteIdent(syncFunction(phase, table))}()`,
        `sync function of ${table}`,
      ),
    ),
    ...tables.flatMap((table) =>
      surrogateFollowSql(view, table)
        ? [
            inRekey(
              `drop function if exists rekey.${quoteIdent(followFunction(phase, table))}()`,
              `follow function of ${table}`,
            ),
          ]
        : [],
    ),
    ...domains.flatMap((domain) =>
      domain.sequence === null
        ? []
        : [
            inRekey(
              `drop sequence if exists rekey.${quoteIdent(domain.sequence)}`,
              `sequence of ${domain.root}`,
            ),
          ],
    ),
  ];
}

function keysThatStand(view: PhaseView, isDropped: IsDropped): { domain: Domain; key: Member }[] {
  return view.substitution.domains.flatMap((domain) => {
    const key = view.substitution.members.find((m) => m.table === domain.root && m.role === 'key');
    return key && !isDropped(key.table, key.after) ? [{ domain, key }] : [];
  });
}
