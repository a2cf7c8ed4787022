import { tableId } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';

/** Publications over member tables (FOR ALL TABLES and FOR TABLES IN SCHEMA included) and logical slots of this database. */
export async function subscribers({ view, database }: HazardContext): Promise<Hazard[]> {
  const published = await database.query<{ publication: string; schema: string; name: string }>(
    `select p.pubname as publication, p.schemaname as schema, p.tablename as name
     from pg_catalog.pg_publication_tables p order by 1, 2, 3`,
  );
  const by = new Map<string, string[]>();
  for (const { publication, schema, name } of published) {
    const table = tableId(schema, name);
    if (!view.substitution.tables.includes(table)) continue;
    by.set(publication, [...(by.get(publication) ?? []), table]);
  }
  const slots = await database.query<{ name: string }>(
    `select slot_name as name from pg_catalog.pg_replication_slots
     where slot_type = 'logical' and database = pg_catalog.current_database() order by 1`,
  );
  return [
    ...[...by].map(
      ([publication, tables]): Hazard => ({
        hazard: 'publication',
        rank: 'stop',
        on: `publication ${publication}`,
        message: `the publication ${publication} has ${some(tables)}: a subscriber without the new columns stops applying`,
        remedy:
          'end the subscriptions and drop the publication, or take the tables out of it, until cleanup is done',
        count: tables.length,
      }),
    ),
    ...slots.map(
      ({ name }): Hazard => ({
        hazard: 'logical-slot',
        rank: 'stop',
        on: `slot ${name}`,
        message: `the logical slot ${name} reads this database: its consumer would see the new columns`,
        remedy: `end its consumer, then select pg_drop_replication_slot('${name}')`,
      }),
    ),
  ];
}

function some(names: string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}
