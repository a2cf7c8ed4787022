import type { Hazard } from '../../errors.js';
import { functionsOfMovedTypes } from '../../substitution/forget-plans.js';
import type { HazardContext } from './context.js';

/** Functions that take the type of a key and that the cutover may not have compiled anew, as another role owns them. */
export async function keptTypes({ database, view }: HazardContext): Promise<Hazard[]> {
  const found = await database.query<{ called: string; owner: string }>(
    `select p.oid::regprocedure::text as called, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.proowner)) as owner
     ${functionsOfMovedTypes(view)} and not pg_catalog.pg_has_role(p.proowner, 'usage') order by 1`,
  );
  return found.map(({ called, owner }) => ({
    hazard: 'kept-type',
    rank: 'accept',
    on: `function ${called}`,
    message: `${called} declares variables of a moved column's type and belongs to ${owner}: a session that has run it before the cutover keeps the old type, and fails with 22P02 until it connects anew`,
    remedy: `grant ${owner} to Rekey's role, so that the cutover has it compiled anew, or let clients connect anew after the cutover, then accept it with a because`,
  }));
}
