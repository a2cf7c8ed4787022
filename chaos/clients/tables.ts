/** How the clients and the checker know a row without its key: by its label, its values, and the labels it refers to. */
export interface ClientTable {
  /** the column of its key, null where it has none, or its key is a pair */
  key: string | null;
  values: string[];
  /** column -> the table that it refers to */
  references: Record<string, TableName>;
  /** sums that several clients add to: compared as a sum over all rows of the label */
  sum?: string;
}

export type TableName =
  | 'customers'
  | 'accounts'
  | 'entries'
  | 'codes'
  | 'code_uses'
  | 'profiles'
  | 'teams'
  | 'members'
  | 'nodes'
  | 'orders'
  | 'order_lines'
  | 'visits'
  | 'uploads'
  | 'archived'
  | 'vaults'
  | 'vault_items';

const table = (
  key: string | null,
  values: string[],
  references: Record<string, TableName> = {},
  sum?: string,
): ClientTable => ({ key, values, references, ...(sum ? { sum } : {}) });

export const clientTables: Record<TableName, ClientTable> = {
  customers: table('id', ['n'], { referred_by: 'customers' }),
  accounts: table('id', ['total'], { customer_id: 'customers' }),
  entries: table('id', ['n'], { account_id: 'accounts' }, 'amount'),
  codes: table('code', [], {}, 'hits'),
  code_uses: table('id', [], { code: 'codes', fallback: 'codes' }),
  // its key is its customer's, and changes with it
  profiles: table(null, ['theme'], { customer_id: 'customers' }),
  teams: table('id', [], { lead_id: 'members' }),
  members: table('id', [], { team_id: 'teams' }),
  nodes: table('id', [], { parent_id: 'nodes' }),
  orders: table('id', [], { customer_id: 'customers' }),
  order_lines: table(null, ['n', 'quantity'], { order_id: 'orders' }),
  visits: table(null, [], { customer_id: 'customers' }),
  uploads: table('id', ['amount'], { customer_id: 'customers', account_id: 'accounts' }),
  // its integers are nobody's keys, and stay
  archived: table(null, ['amount']),
  vaults: table('id', ['tenant'], { customer_id: 'customers' }),
  vault_items: table('id', ['amount'], { vault_id: 'vaults' }),
};

export const tableNames = Object.keys(clientTables) as TableName[];
