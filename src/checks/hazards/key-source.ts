import type { Hazard } from '../../errors.js';
import { ownSequence } from '../../substitution/own-sequence.js';
import type { HazardContext } from './context.js';

/** Where integers come from while keys are UUIDs: each new row takes one for its legacy column until cleanup. */
export async function keySource(context: HazardContext): Promise<Hazard[]> {
  const found: Hazard[] = [];
  for (const { root, column, sequence } of context.view.substitution.domains) {
    if (column === null) continue;
    const table = context.view.catalog.tables.find(({ id }) => id === root);
    const key = table?.columns.find(({ name }) => name === column);
    if (!key) continue;
    const own = ownSequence(context.view, root, column);
    if (sequence !== null && own === null)
      found.push({
        hazard: 'key-without-sequence',
        rank: 'note',
        on: root,
        message: `no sequence is known for the keys of ${root}: rows that come while they are UUIDs get integers above the highest one, and where the application counts for itself it would give those again after a way back`,
        remedy: "after a way back let the application's counter or sequence go on above the highest key",
      });
    // an identity asks its sequence with the rights of nobody
    if (own !== null && key.identity === null) found.push(...(await withoutSequence(context, root, own)));
  }
  return found;
}

async function withoutSequence(
  { database, view }: HazardContext,
  table: string,
  sequence: string,
): Promise<Hazard[]> {
  const roles = await database.query<{ role: string }>(
    `select pg_catalog.quote_ident(r.rolname) as role from pg_catalog.pg_roles r
     where r.rolcanlogin and not r.rolsuper
       and pg_catalog.has_any_column_privilege(r.oid, $1::regclass, 'insert')
       and not pg_catalog.has_sequence_privilege(r.oid, $2::regclass, 'usage')
       and not pg_catalog.has_sequence_privilege(r.oid, $2::regclass, 'update')
     order by 1`,
    [view.sqlTable(table), sequence],
  );
  return roles.map(({ role }) => ({
    hazard: 'sequence-not-granted',
    rank: 'accept',
    on: `${table} for ${role}`,
    message: `${role} may insert into ${table} and not ask its sequence ${sequence}: from the cutover to cleanup each insert takes an integer from it, those that bring their key, too, and would be refused with 42501`,
    remedy: `grant usage on sequence ${sequence} to ${role}, or accept it with a because where that role inserts nothing`,
  }));
}
