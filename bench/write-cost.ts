import { Client } from 'pg';

/** What an application writes a row at a time, each with its commit, and what a loader writes at once. */
export const writeKinds = [
  'insert',
  'change of a reference',
  'change of another column',
  'delete',
  'insert of 2,000 rows',
] as const;
export type WriteKind = (typeof writeKinds)[number];

/** In ms, the median of one statement. */
export type WriteTimes = Record<WriteKind, number>;

interface Side {
  name: string;
  client: Client;
  /** two keys of accounts, as texts, whatever type they have */
  accounts: [string, string];
  times: Record<WriteKind, number[]>;
}

const rounds = 25;
const each = 20;

/**
 * The same writes on all databases by turns, a few each time, so that whatever else the machine does meets all of them
 * alike. Each works on rows of its own, made and deleted here.
 */
export async function compareWrites(
  databases: { name: string; url: string }[],
): Promise<Map<string, WriteTimes>> {
  const sides = await Promise.all(databases.map(connect));
  try {
    // not measured: plans are made, pages are read
    for (const side of sides) await round(side, -1);
    for (const side of sides) for (const kind of writeKinds) side.times[kind] = [];
    for (let at = 0; at < rounds; at++)
      for (const side of at % 2 ? [...sides].reverse() : sides) await round(side, at);
    return new Map(
      sides.map(({ name, times }) => [
        name,
        Object.fromEntries(writeKinds.map((kind) => [kind, median(times[kind])])) as WriteTimes,
      ]),
    );
  } finally {
    for (const { client } of sides) await client.end();
  }
}

async function connect({ name, url }: { name: string; url: string }): Promise<Side> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ key: string }>(
    'select account_id::text as key from accounts order by reference limit 2',
  );
  const times = Object.fromEntries(writeKinds.map((kind) => [kind, [] as number[]])) as Side['times'];
  return { name, client, accounts: [rows[0]?.key ?? '', rows[1]?.key ?? ''], times };
}

async function round({ client, accounts, times }: Side, at: number): Promise<void> {
  const [one, other] = accounts;
  const timed = async (kind: WriteKind, text: string, values: string[]) => {
    const began = performance.now();
    await client.query({ name: `${kind}`, text, values });
    times[kind].push(performance.now() - began);
  };
  for (let n = 0; n < each; n++) {
    const row = `cost-${at}-${n}`;
    await timed(
      'insert',
      `insert into orders (reference, account_id, approver_id, state, amount, note) values ($1, $2, $3, 'open', 10, 'what a write costs')`,
      [row, one, other],
    );
    await timed('change of a reference', 'update orders set account_id = $2 where reference = $1', [
      row,
      other,
    ]);
    await timed(
      'change of another column',
      'update orders set amount = amount + $2::numeric where reference = $1',
      [row, '1'],
    );
    await timed('delete', 'delete from orders where reference = $1', [row]);
  }
  await timed(
    'insert of 2,000 rows',
    `insert into payments (reference, account_id, amount, purpose)
     select $1 || n, $2, n, 'what a write costs' from generate_series(1, 2000) n`,
    [`cost-${at}-`, one],
  );
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
