import { schemaDump } from '../../src/backup/schema-dump.js';
import { fetchPostgresTools } from '../../src/servers/postgres-tools.js';
import type { Stage } from './stage.js';

/** What a rollback has to give back: the bytes of the schema's dump, and each row as text, by a hash that stands for it. */
export interface Picture {
  dump: string;
  rows: Record<string, Map<string, number>>;
}

export async function takePicture(stage: Stage): Promise<Picture> {
  const tools = await fetchPostgresTools(stage.version);
  if (tools === null) throw new Error('there is no pg_dump to compare schemas with');
  const dump = await schemaDump({
    url: stage.testapp.owner,
    serverVersion: stage.version * 10_000,
    tools,
  });
  const rows = await stage.connected(async (client) => {
    const tables = await client.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c
       where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'archive'::regnamespace) order by 1`,
    );
    const all: Picture['rows'] = {};
    for (const { name } of tables.rows) {
      const found = await client.query<{ hash: string; n: number }>(
        `select hashtextextended(t::text, 0)::text as hash, count(*)::int as n from ${name} t group by 1`,
      );
      all[name] = new Map(found.rows.map(({ hash, n }) => [hash, n]));
    }
    return all;
  });
  return { dump, rows };
}

/** Rows that were there and are not, or have another value in any column, by table. */
export function rowsLost(before: Picture, after: Picture): Record<string, number> {
  return tally(before, after);
}

/** Rows that came since. */
export function rowsNew(before: Picture, after: Picture): Record<string, number> {
  return tally(after, before);
}

function tally(these: Picture, those: Picture): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [table, rows] of Object.entries(these.rows)) {
    let n = 0;
    for (const [hash, count] of rows) n += Math.max(0, count - (those.rows[table]?.get(hash) ?? 0));
    if (n > 0) counts[table] = n;
  }
  return counts;
}
