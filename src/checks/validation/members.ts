import { quoteIdent, quoteLiteral } from '../../catalog/quote.js';
import type { TableId } from '../../plan/model.js';
import { forwardExpression } from '../../substitution/key-expression.js';
import type { Member } from '../../substitution/model.js';
import type { PhaseView } from '../../substitution/view.js';
import { TableChecks } from './table-checks.js';

/** Which side the application uses: the integers before the cutover, the UUIDs after it. */
export type Side = 'before-swap' | 'after-swap';

/** Names of a member's two columns at that moment. A surrogate has no integer. */
export function columnsOf(member: Member, side: Side): { integer: string | null; uuid: string } {
  return side === 'before-swap'
    ? { integer: member.before, uuid: member.shadow }
    : { integer: member.legacy, uuid: member.after };
}

/**
 * DESIGN section 8, item 2, for all members of a table. The key of the parent is unique on both sides (the catalog says so
 * and is checked), so that joining through the one and comparing the other proves that both joins pair the same rows.
 */
export function memberChecks(view: PhaseView, table: TableId, side: Side): TableChecks {
  const checks = new TableChecks(view, table);
  for (const member of view.substitution.members.filter((m) => m.table === table)) {
    if (member.role === 'surrogate') ownSurrogate(view, member, side, checks);
    else if (member.role === 'surrogate-reference') surrogateReference(view, member, side, checks);
    else {
      nulls(member, side, checks);
      if (member.role === 'key') ownKey(view, member, side, checks);
      else reference(view, member, side, checks);
    }
  }
  return checks;
}

function nulls(member: Member, side: Side, checks: TableChecks): void {
  const { integer, uuid, on } = sqlOf(member, side);
  checks.add({ check: 'shadow-missing', on, condition: `${integer} is not null and ${uuid} is null` });
  if (side === 'before-swap')
    checks.add({ check: 'null-kept', on, condition: `${integer} is null and ${uuid} is not null` });
  else if (member.isReference)
    // a parent that came later in its transaction: swept before a swap back
    checks.add({ check: 'holes', on, condition: `${integer} is null and ${uuid} is not null`, metric: true });
  else checks.add({ check: 'legacy-key-missing', on, condition: `${integer} is null` });
}

/** Before the cutover every key is the derived one; after it an application may bring its own. */
function ownKey(view: PhaseView, member: Member, side: Side, checks: TableChecks): void {
  if (side === 'after-swap') return;
  const { uuid, on } = sqlOf(member, side);
  const expected = forwardExpression(view, member.forward, 't');
  checks.add({ check: 'key-derived', on, condition: `${uuid} is distinct from ${expected}` });
  const { version } = view.domain(member.domain);
  checks.add({
    check: 'key-version',
    on,
    // a key that the application brought keeps the version that it had
    condition: `pg_catalog.get_byte(pg_catalog.uuid_send(${uuid}), 6) >> 4 <> ${version} and not exists (select from rekey.brought_key b where b.table_name = ${quoteLiteral(member.domain)} and b.new_id = ${uuid})`,
  });
}

function reference(view: PhaseView, member: Member, side: Side, checks: TableChecks): void {
  const root = keyOf(view, member.domain);
  const parent = columnsOf(root, side);
  const own = columnsOf(member, side);
  const [live, other] =
    side === 'before-swap' ? (['integer', 'uuid'] as const) : (['uuid', 'integer'] as const);
  const p = checks.join(root.table, [{ own: own[live] as string, parent: parent[live] as string }]);
  const value = `t.${quoteIdent(own[other] as string)}`;
  const theirs = quoteIdent(parent[other] as string);
  checks.add({
    check: 'pairs',
    on: onOf(member, side),
    condition: `${value} is not null and t.${quoteIdent(own[live] as string)} is not null and (${p}.ctid is not null and ${p}.${theirs} is distinct from ${value}
    or ${p}.ctid is null and exists (select from ${view.sqlTable(root.table)} q where q.${theirs} = ${value}))`,
  });
}

function ownSurrogate(view: PhaseView, member: Member, side: Side, checks: TableChecks): void {
  const uuid = `t.${quoteIdent(columnsOf(member, side).uuid)}`;
  const on = onOf(member, side);
  if (side === 'before-swap')
    checks.add({
      check: 'key-derived',
      on,
      condition: `${uuid} is distinct from ${forwardExpression(view, member.forward, 't')}`,
    });
  else checks.add({ check: 'shadow-missing', on, condition: `${uuid} is null` });
}

function surrogateReference(view: PhaseView, member: Member, side: Side, checks: TableChecks): void {
  const root = view.substitution.members.find(
    (m) => m.role === 'surrogate' && m.table === member.domain,
  ) as Member;
  const mine = pairOf(view, member, side);
  const theirs = pairOf(view, root, side);
  const uuid = `t.${quoteIdent(columnsOf(member, side).uuid)}`;
  const on = onOf(member, side);
  const whole = mine.map((c) => `t.${quoteIdent(c)} is not null`).join(' and ');
  const p = checks.join(
    root.table,
    mine.map((own, i) => ({ own, parent: theirs[i] as string })),
  );
  checks.add({ check: 'shadow-missing', on, condition: `${whole} and ${uuid} is null` });
  checks.add({ check: 'null-kept', on, condition: `not (${whole}) and ${uuid} is not null` });
  checks.add({
    check: 'pairs',
    on,
    condition: `${p}.ctid is not null and ${uuid} is not null and ${p}.${quoteIdent(columnsOf(root, side).uuid)} is distinct from ${uuid}`,
  });
}

/** The pair as the application sees it at that moment: integers before the cutover, UUIDs after it. */
function pairOf(view: PhaseView, member: Member, side: Side): string[] {
  const columns = member.forward.by === 'function' ? member.forward.columns : [];
  return side === 'before-swap' ? columns : columns.map((c) => view.member(member.table, c)?.after ?? c);
}

export function keyOf(view: PhaseView, domain: TableId): Member {
  return view.substitution.members.find((m) => m.role === 'key' && m.table === domain) as Member;
}

function onOf(member: Member, side: Side): string {
  const { integer, uuid } = columnsOf(member, side);
  return `${member.table}.${side === 'before-swap' ? (integer ?? member.after) : uuid}`;
}

function sqlOf(member: Member, side: Side) {
  const { integer, uuid } = columnsOf(member, side);
  return {
    integer: `t.${quoteIdent(integer as string)}`,
    uuid: `t.${quoteIdent(uuid)}`,
    on: onOf(member, side),
  };
}
