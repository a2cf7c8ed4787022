import type { Client } from 'pg';
import type { AccountKeys } from './account-keys.js';
import type { Ledger } from './ledger.js';
import { references, type Sizes, type TableName } from './rows.js';

/** One operation of a client: what it sends, with every key as text, and what it may note down once that is acknowledged. */
export interface Operation {
  name: string;
  text: string;
  /** the values; an account stands for its key, whatever that is at the moment */
  values: (string | null | { account: string })[];
  /** the row that it writes; no two operations write the same row at the same time */
  writes: { table: TableName; row: string } | null;
  acknowledged: (rows: Record<string, string>[]) => void;
}

/** Chooses operations; seeded, so that both sides get the same ones as long as they answer alike. */
export class Operations {
  private made = 0;
  private readonly firstOrder: number;

  constructor(
    private readonly sizes: Sizes,
    private readonly keys: AccountKeys,
    private readonly ledger: Ledger,
    private readonly random: () => number,
    /** rows that another operation is writing */
    private readonly busy: Set<string>,
  ) {
    // of the generator's orders only some: rows are changed more than once, too
    this.firstOrder = Math.max(1, sizes.orders - Math.floor(sizes.orders / 2));
  }

  next(): Operation {
    const dice = Math.floor(this.random() * 20);
    if (dice < 4) return this.readAccount();
    if (dice < 8) return this.readOrders();
    if (dice < 11) return this.insertOrder();
    if (dice < 13) return this.moveOrder();
    if (dice < 15) return this.changeOrder();
    if (dice < 17) return this.insertPayment();
    if (dice < 18) return this.insertAccount();
    if (dice < 19) return this.moveAccount();
    return this.insertMembership();
  }

  private readAccount(): Operation {
    const account = this.account();
    return reading(
      'read an account',
      'select account_id::text, name from accounts where account_id = $1',
      account,
    );
  }

  private readOrders(): Operation {
    const text =
      'select order_id::text, amount::text from orders where account_id = $1 order by created_at desc limit 10';
    return reading("read an account's orders", text, this.account());
  }

  private insertOrder(): Operation {
    const row = this.name('o');
    const [account, approver] = [this.account(), this.random() < 0.7 ? this.account() : null];
    const amount = this.amount();
    return {
      name: 'insert an order',
      text: `insert into orders (reference, account_id, approver_id, state, amount, note) values ($1, $2, $3, 'open', $4, 'written by a client') returning order_id::text`,
      values: [row, { account }, approver === null ? null : { account: approver }, amount],
      writes: { table: 'orders', row },
      acknowledged: () =>
        this.ledger.acknowledged('orders', row, {
          refers: { account_id: account, approver_id: approver },
          values: { amount },
        }),
    };
  }

  private moveOrder(): Operation {
    const [id, row] = this.someOrder();
    const account = this.account();
    return {
      name: 'give an order to another account',
      text: 'update orders set account_id = $1 where order_id = $2',
      values: [{ account }, id],
      writes: { table: 'orders', row },
      acknowledged: () => this.ledger.acknowledged('orders', row, { refers: { account_id: account } }),
    };
  }

  private changeOrder(): Operation {
    const [id, row] = this.someOrder();
    const amount = this.amount();
    return {
      name: 'change an order',
      text: 'update orders set amount = $1 where order_id = $2',
      values: [amount, id],
      writes: { table: 'orders', row },
      acknowledged: () => this.ledger.acknowledged('orders', row, { values: { amount } }),
    };
  }

  private insertPayment(): Operation {
    const row = this.name('p');
    const account = this.account();
    const amount = this.amount();
    return {
      name: 'insert a payment',
      text: `insert into payments (reference, account_id, amount, purpose) values ($1, $2, $3, 'paid by a client')`,
      values: [row, { account }, amount],
      writes: { table: 'payments', row },
      acknowledged: () =>
        this.ledger.acknowledged('payments', row, { refers: { account_id: account }, values: { amount } }),
    };
  }

  private insertAccount(): Operation {
    const row = this.name('a');
    const parent = this.account();
    const name = `opened by a client, ${row}`;
    return {
      name: 'insert an account',
      text: 'insert into accounts (reference, name, parent_id) values ($1, $2, $3) returning account_id::text',
      values: [row, name, { account: parent }],
      writes: { table: 'accounts', row },
      acknowledged: ([made]) => {
        this.keys.add(row, made?.account_id as string);
        this.ledger.acknowledged('accounts', row, { refers: { parent_id: parent }, values: { name } });
      },
    };
  }

  private moveAccount(): Operation {
    const row = this.freely(() => this.account(), 'accounts');
    const parent = this.account();
    return {
      name: 'give an account another parent',
      text: 'update accounts set parent_id = $1 where account_id = $2',
      values: [{ account: parent }, { account: row }],
      writes: { table: 'accounts', row },
      acknowledged: () => this.ledger.acknowledged('accounts', row, { refers: { parent_id: parent } }),
    };
  }

  /** Of two accounts that clients have opened, so that no pair comes twice; until there are some, an order. */
  private insertMembership(): Operation {
    const account = this.keys.newcomer(this.random);
    if (account === null) return this.insertOrder();
    const peer = this.account();
    const row = this.name('m');
    return {
      name: 'insert a membership',
      text: 'insert into memberships (account_id, peer_id, label) values ($1, $2, $3)',
      values: [{ account }, { account: peer }, row],
      writes: { table: 'memberships', row },
      acknowledged: () =>
        this.ledger.acknowledged('memberships', row, { refers: { account_id: account, peer_id: peer } }),
    };
  }

  private account(): string {
    return this.keys.any(this.random);
  }

  private someOrder(): [id: string, row: string] {
    const row = this.freely(
      () => `O${this.firstOrder + Math.floor(this.random() * (this.sizes.orders - this.firstOrder + 1))}`,
      'orders',
    );
    return [row.slice(1), row];
  }

  private freely(choose: () => string, table: TableName): string {
    for (;;) {
      const row = choose();
      if (!this.busy.has(`${table} ${row}`)) return row;
    }
  }

  private name(kind: string): string {
    this.made += 1;
    return `${kind}-${this.made}`;
  }

  private amount(): string {
    return (Math.floor(this.random() * 1_000_000) / 100).toFixed(2);
  }
}

function reading(name: string, text: string, account: string): Operation {
  return { name, text, values: [{ account }], writes: null, acknowledged: () => undefined };
}

/** The columns of a table that refer to accounts. */
export function referenceColumns(sizes: Sizes, table: TableName): string[] {
  return references(sizes)
    .filter((r) => r.table === table)
    .map((r) => r.column);
}

export async function send(client: Client, operation: Operation, values: (string | null)[]) {
  const { rows, rowCount } = await client.query<Record<string, string>>(operation.text, values);
  // an update that hits no row is a lost write, not a success
  if (operation.writes && rowCount !== 1) throw new Error(`${operation.name}: ${rowCount} rows`);
  return rows;
}
