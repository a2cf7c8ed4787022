import type { Client } from 'pg';
import { withClient } from './database.js';
import type { Entry, Ledger } from './ledger.js';
import { numberOf, references, type Sizes, type TableName, tableNames } from './rows.js';

export interface Verdict {
  /** references that lead to another row than they should, or to none; rows of the generator and of clients alike */
  wrongReferences: number;
  /** acknowledged writes that are not there, or not with these values */
  lostWrites: number;
  /** rows of the generator that are gone */
  lostRows: number;
  checked: number;
}

/** Compares every row with what it must be, on whichever side of a cutover the database is. */
export function verify(superuserUrl: string, sizes: Sizes, ledger: Ledger): Promise<Verdict> {
  return withClient(superuserUrl, async (client) => {
    const verdict: Verdict = { wrongReferences: 0, lostWrites: 0, lostRows: 0, checked: 0 };
    for (const table of tableNames) {
      const entries = [...(ledger.rows.get(table) ?? new Map<string, Entry>())];
      await load(client, entries);
      await ofGenerator(client, sizes, table, verdict);
      await ofClients(client, sizes, table, verdict);
    }
    return verdict;
  });
}

async function load(client: Client, entries: [string, Entry][]): Promise<void> {
  await client.query(
    `create temp table if not exists ledger (row text primary key, refers jsonb, vals jsonb, unsure boolean); truncate ledger`,
  );
  await client.query(
    `insert into ledger select e->>0, e->1, e->2, (e->>3)::boolean from jsonb_array_elements($1::jsonb) e`,
    [JSON.stringify(entries.map(([row, e]) => [row, e.refers, e.values, e.unsure]))],
  );
  await client.query('analyze ledger');
}

const nameOf: Record<TableName, string> = {
  accounts: 't.reference',
  settings: 'null::text',
  orders: 't.reference',
  payments: 't.reference',
  memberships: 't.label',
};

/** Each reference of the generator's rows, except those that a client has moved. */
async function ofGenerator(client: Client, sizes: Sizes, table: TableName, verdict: Verdict): Promise<void> {
  const { there } = await one<{ there: number }>(
    client,
    `select count(${numberOf[table]})::float8 as there from ${table} t`,
  );
  verdict.lostRows += sizes[table] - there;
  for (const { column, target } of references(sizes).filter((r) => r.table === table)) {
    const { wrong, all } = await one<{ wrong: number; all: number }>(
      client,
      `select count(*) filter (where p.reference is distinct from 'A' || (${target}))::float8 as wrong, count(*)::float8 as all
       from (select t.*, ${numberOf[table]} as i, ${nameOf[table]} as row from ${table} t) t
       left join accounts p on p.account_id = t.${column}
       left join ledger l on l.row = t.row
       where t.i is not null and not coalesce(l.unsure or l.refers ? '${column}', false)`,
    );
    verdict.wrongReferences += wrong;
    verdict.checked += all;
  }
}

/** What clients have written last, by reference and by value. */
async function ofClients(client: Client, sizes: Sizes, table: TableName, verdict: Verdict): Promise<void> {
  if (table === 'settings') return;
  for (const { column } of references(sizes).filter((r) => r.table === table)) {
    const { wrong, all } = await one<{ wrong: number; all: number }>(
      client,
      `select count(*) filter (where p.reference is distinct from l.refers->>'${column}')::float8 as wrong, count(*)::float8 as all
       from ledger l join ${table} t on ${nameOf[table]} = l.row left join accounts p on p.account_id = t.${column}
       where not l.unsure and l.refers ? '${column}'`,
    );
    verdict.wrongReferences += wrong;
    verdict.checked += all;
  }
  const { lost } = await one<{ lost: number }>(
    client,
    `select count(*) filter (where t.ctid is null or exists (
       select from jsonb_each_text(l.vals) v where to_jsonb(t)->>v.key is distinct from v.value and (to_jsonb(t)->>v.key)::text is distinct from rtrim(rtrim(v.value, '0'), '.')))::float8 as lost
     from ledger l left join ${table} t on ${nameOf[table]} = l.row where not l.unsure`,
  );
  verdict.lostWrites += lost;
}

async function one<R>(client: Client, text: string): Promise<R> {
  const { rows } = await client.query(text);
  return rows[0] as R;
}
