import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { Domain, Forward, Member } from './model.js';
import type { PhaseView } from './view.js';

/** SQL that gives a member's shadow from the row's integers; `row` is `new`, `old` or an alias. Null where an integer is null. */
export function forwardExpression(view: PhaseView, forward: Forward, row: string): string {
  if (forward.by === 'function') {
    return `rekey.${quoteIdent(forward.keyFunction)}(${forward.columns.map((c) => `${row}.${quoteIdent(c)}::int8`).join(', ')})`;
  }
  // Computed from the adopting row's own integers, so that it doesn't matter which of the two rows is filled first.
  return `(select rekey.${quoteIdent(forward.keyFunction)}(p.${quoteIdent(forward.from)}::int8) from ${view.sqlTable(forward.table)} p where p.${quoteIdent(forward.match)} = ${row}.${quoteIdent(forward.column)})`;
}

/** The integers that a member's shadow comes from. */
export function sourceColumns(member: Member): string[] {
  return member.forward.by === 'function' ? member.forward.columns : [member.forward.column];
}

/** The statement that makes a domain's key function. Salt and knots are filled in by the server. */
export function makeKeyFunction(view: PhaseView, domain: Domain): string | null {
  if (domain.keyFunction === null) return null;
  const name = quoteLiteral(domain.keyFunction);
  if (domain.source === 'surrogate') {
    const member = view.substitution.members.find(
      (m) => m.table === domain.root && m.role === 'surrogate',
    ) as Member;
    return `select rekey.make_pair_key_function(${quoteLiteral(domain.root)}, ${name}, ${sourceColumns(member).length})`;
  }
  const args = [view.schemaOf(domain.root), view.nameOf(domain.root), domain.column as string].map(
    quoteLiteral,
  );
  const time = domain.time === null ? 'null' : quoteLiteral(domain.time);
  return `select rekey.make_key_function(${quoteLiteral(domain.root)}, ${name}, ${domain.version}, ${args.join(', ')}, ${time})`;
}
