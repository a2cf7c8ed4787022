import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { ColumnRef, TableId } from '../plan/model.js';
import { orByNumber, unlessNamesAreGone } from './by-number.js';
import { forwardExpression, sourceColumns } from './key-expression.js';
import type { Member } from './model.js';
import { followFunction, followTrigger, syncFunction, syncTrigger } from './names.js';
import { reverseBody } from './sync-reverse.js';
import type { PhaseView } from './view.js';

/**
 * The sync trigger of a table and phase. One trigger from `addColumns` to cleanup; the cutover and the way back change its
 * function, which needs no lock on the table. SECURITY DEFINER: the clients' roles have no rights in schema rekey, and a
 * reverse look-up must see rows that row security hides from them. search_path is fixed, every name is qualified.
 */
export function syncFunctionSql(
  view: PhaseView,
  table: TableId,
  direction: 'forward' | 'reverse' | 'closing',
): string {
  const name = syncFunction(view.substitution.phase, table);
  const body =
    direction === 'forward' ? forwardBody(view, table) : reverseBody(view, table, direction === 'closing');
  const declared = direction === 'forward' ? '' : 'declare\n  v_old int8;\n';
  return functionSql(name, `${declared}begin\n${orByNumber(view, table, body, direction)}\nend`);
}

function functionSql(name: string, body: string, schemas: string[] = []): string {
  return `create or replace function rekey.${quoteIdent(name)}() returns trigger language plpgsql security definer
set search_path = ${['pg_catalog', ...schemas.map(quoteIdent), 'pg_temp'].join(', ')} as $rekey$
${body}
$rekey$`;
}

/**
 * Fires on every insert and update, those of `map`'s batches, too. No WHEN: PostgreSQL compiles it anew in each statement,
 * which costs a client's write of one row 23 us; a look at columns in the body costs a batch 1 us a row.
 */
export function createSyncTrigger(view: PhaseView, table: TableId): string {
  const { phase } = view.substitution;
  return `create trigger ${quoteIdent(syncTrigger(phase))} before insert or update on ${view.sqlTable(table)} for each row execute function rekey.${quoteIdent(syncFunction(phase, table))}()`;
}

/** ENABLE ALWAYS: loaders and apply workers write under replica role, and shadows must be right for them, too. */
export function enableSyncTrigger(view: PhaseView, table: TableId, name: string): string {
  return `alter table ${view.sqlTable(table)} enable always trigger ${quoteIdent(name)}`;
}

export function dropSyncTrigger(view: PhaseView, table: TableId, name: string): string {
  return `drop trigger if exists ${quoteIdent(name)} on ${view.sqlTable(table)}`;
}

/**
 * Shadows from integers. A shadow is computed in an insert, when its integer changed, and when it was null and stays so.
 * Where it changed alone it is left alone: a batch of `map` wrote it, or a referential action of the twin foreign key,
 * whose sister on the integer comes next. Each expression costs about 15 us in the first row of a transaction, so that an
 * update evaluates none that it doesn't need.
 */
function forwardBody(view: PhaseView, table: TableId): string {
  const members = shadowsOf(view, table);
  const compute = (member: Member) => `new.${quoteIdent(member.shadow)} := ${guarded(view, member)};`;
  const updates = members.map((member) => {
    const sources = sourceColumns(member).map(quoteIdent);
    const shadow = quoteIdent(member.shadow);
    const changed = sources.map((c) => `new.${c} is distinct from old.${c}`).join(' or ');
    const owed = [
      `new.${shadow} is null`,
      `old.${shadow} is null`,
      ...sources.map((c) => `new.${c} is not null`),
    ];
    return `  if ${changed} or (${owed.join(' and ')}) then\n    ${compute(member)}\n  end if;`;
  });
  const inserts = members.map((member) => `    ${compute(member)}`);
  return `  if tg_op = 'INSERT' then\n${inserts.join('\n')}\n    return new;\n  end if;\n${updates.join('\n')}`;
}

function guarded(view: PhaseView, member: Member): string {
  const expression = forwardExpression(view, member.forward, 'new');
  // A child of an adopting row waits, as its foreign key would, for one that is changing its key just now.
  return member.forward.by === 'lookup' ? expression.replace(/\)$/, ' for key share)') : expression;
}

/** One entry a shadow: where a key is adopted, two members share theirs. */
export function shadowsOf(view: PhaseView, table: TableId): Member[] {
  const seen = new Set<string>();
  return view.substitution.members.filter((m) => {
    if (m.table !== table || seen.has(m.shadow)) return false;
    seen.add(m.shadow);
    return true;
  });
}

export interface Follow {
  name: string;
  function: string;
  trigger: string;
}

/**
 * Tables whose children look their key up there: a child that came before its parent (a deferred foreign key, or one
 * statement for both) finds none, and a change of the adopted reference has to reach the children's shadows.
 */
export function followSql(view: PhaseView, table: TableId): Follow | null {
  const children = view.substitution.members.filter(
    (m) => m.forward.by === 'lookup' && m.forward.table === table,
  );
  const key = view.substitution.members.find((m) => m.table === table && m.role === 'key');
  const first = children[0]?.forward;
  if (!key || first?.by !== 'lookup') return null;
  const named = [{ table, column: key.shadow }];
  const updates = children.map((child) => {
    const forward = child.forward as Extract<Member['forward'], { by: 'lookup' }>;
    named.push({ table, column: forward.match }, { table: child.table, column: forward.column });
    named.push({ table: child.table, column: child.shadow });
    return `  update ${view.sqlTable(child.table)} c set ${quoteIdent(child.shadow)} = new.${quoteIdent(key.shadow)}
    where c.${quoteIdent(forward.column)} = new.${quoteIdent(forward.match)} and c.${quoteIdent(child.shadow)} is distinct from new.${quoteIdent(key.shadow)};`;
  });
  // by jsonb: no plan of this expression would be made anew when the column gets another type (42804)
  const from = (row: 'old' | 'new') => `to_jsonb(${row}) -> ${quoteLiteral(first.from)}`;
  named.push({ table, column: first.from });
  return follow(
    view,
    table,
    named,
    `  if tg_op = 'UPDATE' and ${from('old')} is not distinct from ${from('new')} then return null; end if;\n${updates.join('\n')}`,
  );
}

/** After the cutover: children of a surrogate that came before it get the side that they could not look up. */
export function surrogateFollowSql(view: PhaseView, table: TableId): Follow | null {
  const { members } = view.substitution;
  const root = members.find((m) => m.table === table && m.role === 'surrogate');
  const children = members.filter((m) => m.domain === table && m.role === 'surrogate-reference');
  if (!root || children.length === 0) return null;
  const after = (of: TableId, column: string) => quoteIdent(view.member(of, column)?.after ?? column);
  const theirs = sourceColumns(root).map((c) => after(table, c));
  const key = quoteIdent(root.after);
  const on = (of: TableId, columns: string[]) => columns.map((column) => ({ table: of, column }));
  const named = on(table, [root.after, ...sourceColumns(root).map((c) => view.member(table, c)?.after ?? c)]);
  const updates = children.flatMap((child) => {
    const pair = sourceColumns(child).map((c) => view.member(child.table, c)?.after ?? c);
    named.push(...on(child.table, [child.after, ...pair]));
    const mine = sourceColumns(child).map((c) => after(child.table, c));
    const ref = quoteIdent(child.after);
    const sql = view.sqlTable(child.table);
    return [
      `  update ${sql} c set ${ref} = new.${key} where ${mine.map((c, i) => `c.${c} = new.${theirs[i]}`).join(' and ')} and c.${ref} is null;`,
      `  update ${sql} c set ${mine.map((c, i) => `${c} = new.${theirs[i]}`).join(', ')} where c.${ref} = new.${key} and (${mine.map((c) => `c.${c} is null`).join(' or ')});`,
    ];
  });
  return follow(view, table, named, `  if tg_op = 'UPDATE' then return null; end if;\n${updates.join('\n')}`);
}

function follow(view: PhaseView, table: TableId, named: ColumnRef[], body: string): Follow {
  const { phase } = view.substitution;
  const name = followTrigger(phase);
  const fn = followFunction(phase, table);
  return {
    name,
    function: functionSql(
      fn,
      `begin\n${unlessNamesAreGone(view, named, body)}\n  return null;\nend`,
      schemasOf(view),
    ),
    trigger: `create trigger ${quoteIdent(name)} after insert or update on ${view.sqlTable(table)} for each row execute function rekey.${quoteIdent(fn)}()`,
  };
}

/**
 * What a follow trigger writes fires the application's triggers on the children, and these may name tables without a
 * schema. Fixed all the same: a client must not choose what is found with the owner's rights.
 */
function schemasOf(view: PhaseView): string[] {
  return [...new Set([...view.substitution.tables.map((table) => view.schemaOf(table)), 'public'])].sort();
}

export function keyLocation(
  view: PhaseView,
  table: TableId,
  oldColumn: string | null,
  newColumn: string | null,
): string {
  const text = (value: string | null) => (value === null ? 'null' : quoteLiteral(value));
  return `insert into rekey.key_location (table_name, schema_name, relation_name, old_column, new_column)
values (${[table, view.schemaOf(table), view.nameOf(table)].map(quoteLiteral).join(', ')}, ${text(oldColumn)}, ${text(newColumn)})
on conflict (table_name) do update set old_column = excluded.old_column, new_column = excluded.new_column`;
}
