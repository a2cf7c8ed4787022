/**
 * The rows of the benchmark as formulas over a number from 1 on: the same ones make them and say afterwards where each
 * reference has to lead, so that not one row's truth is kept in the database that is measured.
 */
export interface Sizes {
  accounts: number;
  settings: number;
  orders: number;
  payments: number;
  memberships: number;
}

export type TableName = keyof Sizes;

export const tableNames: TableName[] = ['accounts', 'settings', 'orders', 'payments', 'memberships'];

/** `rows` over all tables: 15 % accounts, 10 % settings, 30 % orders, 30 % payments, 15 % memberships. */
export function sizesFor(rows: number): Sizes {
  const part = (percent: number) => Math.max(20, Math.round((rows * percent) / 100));
  return {
    accounts: part(15),
    settings: part(10),
    orders: part(30),
    payments: part(30),
    memberships: part(15),
  };
}

export interface Reference {
  table: TableName;
  column: string;
  /** the number of the account that row `i` refers to; null for none */
  target: string;
}

/** `i` is the row's number, as bigint. */
export function references(sizes: Sizes): Reference[] {
  const any = (prime: number) => `1 + (i * ${prime}) % ${sizes.accounts}`;
  return [
    {
      table: 'accounts',
      column: 'parent_id',
      target: 'case when i > 10 then 1 + (i * 7919) % (i - 1) end',
    },
    { table: 'settings', column: 'account_id', target: 'i' },
    { table: 'orders', column: 'account_id', target: any(104_729) },
    {
      table: 'orders',
      column: 'approver_id',
      target: `case when i % 3 > 0 then ${any(15_485_863)} end`,
    },
    { table: 'payments', column: 'account_id', target: any(32_452_843) },
    { table: 'memberships', column: 'account_id', target: 'i' },
    { table: 'memberships', column: 'peer_id', target: any(49_979_687) },
  ];
}

/** What else a row has. The texts are as long as texts in such tables are. */
const otherColumns: Record<TableName, Record<string, string>> = {
  accounts: {
    account_id: 'i',
    reference: `'A' || i`,
    name: `'account ' || i || ' of ' || repeat('somebody ', 3)`,
    created_at: `timestamptz '2020-01-01' + i * interval '1 second'`,
  },
  settings: { settings_id: 'i', theme: `'dark'`, document: `repeat('setting ' || i || ', ', 6)` },
  orders: {
    order_id: 'i',
    reference: `'O' || i`,
    state: `(array['open', 'paid', 'sent', 'closed'])[1 + i % 4]`,
    amount: 'i % 10000',
    note: `repeat('note ' || i || ', ', 6)`,
    created_at: `timestamptz '2020-01-01' + i * interval '1 second'`,
  },
  payments: {
    payment_id: 'i',
    reference: `'P' || i`,
    amount: 'i % 10000',
    purpose: `repeat('purpose ' || i || ', ', 4)`,
    paid_at: `timestamptz '2020-01-01' + i * interval '1 second'`,
  },
  memberships: { label: `'M' || i`, since: `timestamptz '2020-01-01' + i * interval '1 second'` },
};

/** One statement that fills the table. */
export function insertRows(table: TableName, sizes: Sizes): string {
  const columns = {
    ...otherColumns[table],
    ...Object.fromEntries(
      references(sizes)
        .filter((r) => r.table === table)
        .map((r) => [r.column, r.target]),
    ),
  };
  return `insert into ${table} (${Object.keys(columns).join(', ')})
select ${Object.values(columns).join(', ')} from generate_series(1::bigint, ${sizes[table]}) i`;
}

/** How a row of the generator is found again: its number, from what it has besides references. */
export const numberOf: Record<TableName, string> = {
  accounts: `case when t.reference like 'A%' then substr(t.reference, 2)::bigint end`,
  settings: 't.settings_id',
  orders: `case when t.reference like 'O%' then substr(t.reference, 2)::bigint end`,
  payments: `case when t.reference like 'P%' then substr(t.reference, 2)::bigint end`,
  memberships: `case when t.label like 'M%' then substr(t.label, 2)::bigint end`,
};
