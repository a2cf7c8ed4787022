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

/**
 * FROM and WHERE of the functions (`p`) whose bodies take the type of a column that moves; new keys beside a pair move none.
 * It is asked under the locks: sources that have no `%` are let go first (5,000 functions of 2 kB without one: 9 ms), and
 * names are compared as values, as a pattern of all names takes 60 ms to compile for a hundred tables.
 */
export function functionsOfMovedTypes(view: PhaseView): string {
  const columns = new Set(
    view.substitution.members
      .filter(({ before }) => before !== null)
      .flatMap((m) =>
        [m.before as string, m.after].map(
          (c) => `(${[view.nameOf(m.table), c].map(quoteLiteral).join(', ')})`,
        ),
      ),
  );
  const from = `from pg_catalog.pg_proc p
    join pg_catalog.pg_language l on l.oid = p.prolang join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where l.lanname = 'plpgsql' and n.nspname <> 'rekey'`;
  if (columns.size === 0) return `${from} and false`;
  return `${from} and case when pg_catalog.strpos(p.prosrc, '%') = 0 then false else exists (
      select from pg_catalog.regexp_matches(p.prosrc, '${name}\\s*\\.\\s*${name}\\s*%\\s*type', 'gi') m
      where (${asWritten('m[1]')}, ${asWritten('m[2]')}) in (values ${[...columns].join(', ')})) end`;
}

/** Quoted, or of what is no blank and no punctuation of ASCII but `_` and `$`: a comment or an operator may stand right before it. */
const name = '("(?:[^"]|"")+"|[^\\s!-#%-/:-@[-^`{-~]+)';

/** The name that an identifier in a source stands for. */
const asWritten = (part: string) =>
  `case when ${part} like '"%' then replace(substr(${part}, 2, length(${part}) - 2), '""', '"') else lower(${part}) end`;
