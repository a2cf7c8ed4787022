import { escapePattern } from '../catalog/escape-pattern.js';
import type { SwapStatement } from '../catalog/kind.js';
import { quoteLiteral } from '../catalog/quote.js';
import type { PhaseView } from './view.js';

/**
 * For sessions that live through a cutover, in a pool, say. plpgsql keeps for the life of a session the types that NEW and
 * other records had when an expression was planned (42804 at each call, "type of parameter 14 (uuid) does not match that
 * when preparing the plan (integer)"), and those of variables of `t.c%type` (22P02). PostgreSQL plans everything anew where
 * the row of a schema was written, whatever was written, and compiles a function anew where its own row was: source
 * plancache.c and pl_comp.c. Locks: none on tables.
 */
export function forgetPlans(view: PhaseView): SwapStatement[] {
  const object = 'kept plans';
  return [
    {
      slot: 'triggers',
      text: `do $rekey$ declare f record; begin
  for f in select p.oid::regprocedure as called, case when p.prosecdef then 'definer' else 'invoker' end as security
    ${functionsOfMovedTypes(view)} and pg_catalog.pg_has_role(p.proowner, 'usage')
  loop execute pg_catalog.format('alter routine %s security %s', f.called, f.security); end loop;
end $rekey$`,
      object,
    },
    { slot: 'triggers', text: 'grant usage on schema rekey to current_user', object },
  ];
}

/** FROM and WHERE of the functions (`p`) whose bodies take the type of a column that moves; new keys beside a pair move none. */
export function functionsOfMovedTypes(view: PhaseView): string {
  const columns = new Set(
    view.substitution.members
      .filter(({ before }) => before !== null)
      .flatMap((m) =>
        [m.before as string, m.after].map((c) => `${word(view.nameOf(m.table))}\\s*\\.\\s*${word(c)}`),
      ),
  );
  return `from pg_catalog.pg_proc p
    join pg_catalog.pg_language l on l.oid = p.prolang join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where l.lanname = 'plpgsql' and n.nspname <> 'rekey'
      and ${columns.size > 0 ? `p.prosrc ~* ${quoteLiteral(`(${[...columns].join('|')})\\s*%\\s*type`)}` : 'false'}`;
}

function word(name: string): string {
  return `(?:\\m|")${escapePattern(name)}(?:\\M|")`;
}
