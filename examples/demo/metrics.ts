import { Client } from 'pg';

/** Rows, foreign keys and orphans of a database, read as anybody could read them. */
export interface Census {
  rows: number;
  tables: number;
  foreignKeys: number;
  /** of these, those over a UUID */
  uuidForeignKeys: number;
  orphans: number;
}

export async function takeCensus(url: string): Promise<Census> {
  return withClient(url, async (client) => {
    const tables = await rows<{ name: string }>(
      client,
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema', 'rekey') order by 1`,
    );
    let total = 0;
    for (const { name } of tables)
      total += (await rows<{ n: number }>(client, `select count(*)::float8 as n from ${name}`))[0]?.n ?? 0;
    const keys = await foreignKeys(client);
    let orphans = 0;
    for (const key of keys) orphans += await countOrphans(client, key);
    return {
      rows: total,
      tables: tables.length,
      foreignKeys: keys.length,
      uuidForeignKeys: keys.filter((k) => k.uuid).length,
      orphans,
    };
  });
}

interface Key {
  child: string;
  parent: string;
  columns: string[];
  parents: string[];
  uuid: boolean;
}

function foreignKeys(client: Client): Promise<Key[]> {
  const names = (table: string, list: string) =>
    `(select array_agg(quote_ident(a.attname) order by x.n) from unnest(${list}) with ordinality x(num, n) join pg_attribute a on a.attrelid = ${table} and a.attnum = x.num)`;
  return rows<Key>(
    client,
    `select k.conrelid::regclass::text as child, k.confrelid::regclass::text as parent,
       ${names('k.conrelid', 'k.conkey')} as columns, ${names('k.confrelid', 'k.confkey')} as parents,
       (select bool_or(a.atttypid = 'uuid'::regtype) from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey)) as uuid
     from pg_constraint k where k.contype = 'f' and k.conparentid = 0 and k.connamespace <> coalesce(to_regnamespace('rekey'), 0)::oid`,
  );
}

async function countOrphans(client: Client, { child, parent, columns, parents }: Key): Promise<number> {
  const given = columns.map((c) => `c.${c} is not null`).join(' and ');
  const same = columns.map((c, i) => `p.${parents[i]} = c.${c}`).join(' and ');
  const [row] = await rows<{ n: number }>(
    client,
    `select count(*)::float8 as n from ${child} c where ${given} and not exists (select from ${parent} p where ${same})`,
  );
  return row?.n ?? 0;
}

export interface ProbeTime {
  probe: string;
  before: number;
  after: number;
}

/** What the journal says: the longest lock, and each probe before its phase and after it. */
export async function readJournalFigures(
  url: string,
): Promise<{ longestLockMs: number; probes: ProbeTime[] }> {
  return withClient(url, async (client) => {
    const [lock] = await rows<{ ms: number }>(
      client,
      `select coalesce(max(duration_ms + coalesce(lock_wait_ms, 0)), 0) as ms from rekey.journal where kind = 'locks'`,
    );
    const probes = await rows<ProbeTime>(
      client,
      `select b.probe, b.median_ms as before, a.median_ms as after from rekey.probe b
       join rekey.probe a on a.phase = b.phase and a.probe = b.probe and a.moment = 'after-swap'
       where b.moment = 'baseline' order by b.phase, b.probe`,
    );
    return { longestLockMs: lock?.ms ?? 0, probes };
  });
}

async function rows<R>(client: Client, text: string): Promise<R[]> {
  return (await client.query(text)).rows as R[];
}

async function withClient<T>(url: string, fn: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  // a server that ends meanwhile is told by the query, and must not end the process
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}
