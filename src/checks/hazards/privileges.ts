import { quoteIdent } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { PhaseView } from '../../substitution/view.js';
import type { Database } from '../database.js';

/** What Rekey's role lacks, each with its remedy. `view` is null in phases without tables. */
export async function privileges(database: Database, view: PhaseView | null): Promise<Hazard[]> {
  const found: Hazard[] = [];
  const [role] = await database.query<{
    name: string;
    database: string;
    create: boolean;
    stats: boolean;
    rekey: boolean;
  }>(
    `select current_user::text as name, pg_catalog.current_database()::text as database,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') as create,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') as stats,
       pg_catalog.to_regnamespace('rekey') is null or pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('rekey'), 'CREATE') as rekey`,
  );
  const me = role as NonNullable<typeof role>;
  const missing = (on: string, message: string, remedy: string) =>
    found.push({ hazard: 'privilege-missing', rank: 'stop', on, message, remedy });
  const who = quoteIdent(me.name);
  if (!me.create)
    missing(
      `database ${me.database}`,
      `${me.name} may not create schemas in ${me.database}`,
      `grant create on database ${quoteIdent(me.database)} to ${who}`,
    );
  if (!me.stats)
    missing(
      'role pg_read_all_stats',
      `${me.name} can't see other sessions' transactions and the standbys' lag`,
      `grant pg_read_all_stats to ${who}`,
    );
  if (!me.rekey)
    missing(
      'schema rekey',
      `${me.name} may not create anything in schema rekey`,
      `grant create on schema rekey to ${who}, or connect as its owner`,
    );
  if (view === null) return found;
  const schemas = new Set<string>();
  for (const table of view.catalog.tables) {
    if (!view.substitution.tables.includes(table.id)) continue;
    schemas.add(table.schema);
    const [owner] = await database.query<{ mine: boolean }>(
      `select pg_catalog.pg_has_role($1::name, 'USAGE') as mine`,
      [table.owner],
    );
    if (!owner?.mine)
      missing(
        table.id,
        `${me.name} is not the owner of ${table.id}, but ${table.owner} is`,
        `grant ${quoteIdent(table.owner)} to ${who}, or alter table ${view.sqlTable(table.id)} owner to ${who}`,
      );
  }
  for (const schema of schemas) {
    const [may] = await database.query<{ create: boolean }>(
      `select pg_catalog.has_schema_privilege($1, 'CREATE') as create`,
      [schema],
    );
    if (!may?.create)
      missing(
        `schema ${schema}`,
        `${me.name} may not create indexes in the schema ${schema}`,
        `grant create on schema ${quoteIdent(schema)} to ${who}`,
      );
  }
  return found;
}
