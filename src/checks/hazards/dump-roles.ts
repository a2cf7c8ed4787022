import type { Hazard } from '../../errors.js';
import type { Database } from '../database.js';

/**
 * Roles that could dump the whole database today, and no longer once schema rekey is there: a nightly backup by one of them
 * would fail from the foundation on. Locks: none.
 */
export async function dumpRoles(database: Database): Promise<Hazard[]> {
  const roles = await database.query<{ role: string }>(
    `with things as (
       select c.oid, c.relkind, n.oid as schema from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'S') and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema', 'rekey')
         and n.nspname !~ '^pg_(toast|temp)')
     select pg_catalog.quote_ident(r.rolname) as role from pg_catalog.pg_roles r
     where r.rolcanlogin and not r.rolsuper and not pg_catalog.pg_has_role(r.oid, current_user::regrole, 'usage')
       and not pg_catalog.pg_has_role(r.oid, 'pg_read_all_data'::regrole, 'usage')
       and exists (select from things where relkind in ('r', 'p'))
       and not exists (select from things t where not pg_catalog.has_schema_privilege(r.oid, t.schema, 'usage')
         or case when t.relkind = 'S' then not pg_catalog.has_sequence_privilege(r.oid, t.oid, 'select')
           else not pg_catalog.has_table_privilege(r.oid, t.oid, 'select') end)
     order by 1`,
  );
  if (roles.length === 0) return [];
  const names = roles.map(({ role }) => role);
  return [
    {
      hazard: 'dump-role',
      rank: 'note',
      on: names.join(', '),
      message: `a pg_dump of the whole database by ${names.join(' or ')} works today, and will fail with 42501 once schema rekey is there`,
      remedy: `where backups are taken so, grant pg_read_all_data to that role, or let it leave the schema out (pg_dump -N rekey)`,
    },
  ];
}
