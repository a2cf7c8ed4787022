import type { ClientBase } from 'pg';
import { withClient } from './database.js';
import type { KnownRow, Ledger, Text } from './ledger.js';
import { type FoundRow, readState } from './read.js';
import { isUuid } from './session.js';

/**
 * Compares the database with what was acknowledged, by value: every row that is known, every row that is not, every
 * reference by the label that it leads to, every sum, and every key that a row was seen under with the one it has now.
 * Each complaint is a sentence, none is good. To be asked when no client writes any more; works on either key scheme.
 */
export async function checkClients(superuserUrl: string, ledger: Ledger): Promise<string[]> {
  return withClient(superuserUrl, async (client) => {
    const state = await readState(client);
    const complaints: string[] = [];
    for (const row of ledger.rows.values()) complaints.push(...compare(row, state.get(idOf(row))));
    for (const row of state.values())
      if (!ledger.rows.has(idOf(row))) complaints.push(`nobody was told of ${idOf(row)}, and it is there`);
    complaints.push(...(await keysAgree(client, ledger, state)));
    complaints.push(...(await leftAlone(client)));
    complaints.push(...(await toldOnce(client, ledger)));
    return complaints;
  });
}

const idOf = ({ table, label }: { table: string; label: string }) => `${table}/${label}`;

function compare(row: KnownRow, found: FoundRow | undefined): string[] {
  const id = idOf(row);
  if (row.deleted) return found ? [`${id} was deleted, and is there`] : [];
  // of a sum that all was taken from there is no row
  if (!found) return row.sum === 0 ? [] : [`${id} was acknowledged, and is gone`];
  if (row.sum === null && found.rows > 1) return [`${id} is there ${found.rows} times`];
  const differ = (kind: string, known: Record<string, Text>, now: Record<string, Text>) =>
    Object.entries(known)
      .filter(([column, value]) => now[column] !== value)
      .map(([column, value]) => `${id}: ${kind} ${column} is ${now[column]}, was acknowledged as ${value}`);
  return [
    ...differ('value', row.values, found.values),
    ...differ('reference', row.references, found.references),
    ...(row.sum !== null && row.sum !== found.sum
      ? [`${id}: the sum is ${found.sum}, ${row.sum} were acknowledged`]
      : []),
  ];
}

/** Whatever key a row was known by: it has it still, or Rekey translates it to the one it has. */
async function keysAgree(
  client: ClientBase,
  ledger: Ledger,
  state: Map<string, FoundRow>,
): Promise<string[]> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `select to_regprocedure('rekey.new_key(text, bigint)') is not null as there`,
  );
  const complaints: string[] = [];
  const asked: { id: string; table: string; known: string; now: string }[] = [];
  for (const row of ledger.rows.values()) {
    const now = state.get(idOf(row))?.key;
    if (row.deleted || row.sum !== null || !now) continue;
    for (const known of row.keys) {
      if (isUuid(known) === isUuid(now)) {
        if (known !== now) complaints.push(`${idOf(row)}: its key is ${now}, was ${known}`);
      } else asked.push({ id: idOf(row), table: `shop.${row.table}`, known, now });
    }
  }
  if (!there[0]?.there) return complaints;
  const { rows } = await client.query<{ id: string; known: string; now: string; translated: Text }>(
    `select id, known, now, case when known like '%-%' then rekey.old_key("table", known::uuid)::text
       else rekey.new_key("table", known::bigint)::text end as translated
     from json_to_recordset($1::json) as asked(id text, "table" text, known text, now text)`,
    [JSON.stringify(asked)],
  );
  for (const { id, known, now, translated } of rows)
    if (translated !== now)
      complaints.push(`${id}: ${known} translates to ${translated}, and its key is ${now}`);
  return complaints;
}

/** No trigger of the application ran for a row that nobody touched. */
async function leftAlone(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ label: string }>(
    `select label from shop.customers where label like 'seed-%' and updated_at <> timestamptz '2020-01-01'
     union all select label from shop.audit_log where label like 'seed-%' limit 20`,
  );
  return rows.map(
    ({ label }) => `customers/${label}: a trigger of the application ran, and nobody touched it`,
  );
}

/** The application's audit has each row that a client made exactly once; a loader under replica role is not audited. */
async function toldOnce(client: ClientBase, ledger: Ledger): Promise<string[]> {
  const { rows } = await client.query<{ label: string; times: number; keyless: number }>(
    `select label, count(*)::integer as times, count(*) filter (where row_key is null)::integer as keyless
     from shop.audit_log where operation = 'INSERT' group by label`,
  );
  const audited = new Map(rows.map((row) => [row.label, row]));
  return [...ledger.rows.values()].flatMap(({ table, label }) => {
    if (table !== 'customers' || label.startsWith('seed-') || label.includes(' loader ')) return [];
    const { times = 0, keyless = 0 } = audited.get(label) ?? {};
    return times === 1 && keyless === 0
      ? []
      : [`customers/${label}: the audit has it ${times} times, ${keyless} of them without its key`];
  });
}
