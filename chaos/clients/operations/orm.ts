import { randomUUID } from 'node:crypto';
import type { Attempt, Operation } from '../attempt.js';
import { type Row, WrongAnswer } from '../session.js';

/** An application behind an ORM: named prepared statements with every column named, one statement a transaction. */

const orm = (
  name: string,
  weight: number,
  run: Operation['run'],
  more: Partial<Operation> = {},
): Operation => ({
  name,
  group: 'orm',
  kind: 'statement',
  weight,
  run,
  ...more,
});

async function customer(a: Attempt): Promise<Row> {
  const referred = a.random() < 0.6 ? a.some('customers') : null;
  const row = await a.insert('customers', a.tag, { n: String(a.number(100)) }, { referred_by: referred });
  a.keep('customers', row);
  return row;
}

/** One of its own, or a new one where it has none yet. */
async function own(a: Attempt, then: (row: Row) => Promise<unknown>): Promise<unknown> {
  const row = a.own('customers');
  return row ? then(row) : customer(a);
}

/** A key that no row has, of today's type. */
const nobody = (a: Attempt): string => (a.session.hasUuidKey('customers') ? randomUUID() : '-1');

export const ormOperations: Operation[] = [
  orm('a customer comes', 5, customer),
  orm('a customer is changed', 6, (a) =>
    own(a, async (row) => {
      const n = String(a.number(1_000));
      a.one(
        row,
        await a.session.prepared('touch', 'update customers set n = $1 where id = $2', [n, await a.key(row)]),
      );
      a.changed(row, { n });
    }),
  ),
  orm('a customer is referred by another', 4, (a) =>
    own(a, async (row) => {
      const to = [null, row, a.some('customers')][a.number(3)] as Row | null;
      a.one(
        row,
        await a.session.prepared('refer', 'update customers set referred_by = $1 where id = $2', [
          await a.key(to),
          await a.key(row),
        ]),
      );
      a.changed(row, {}, { referred_by: to?.label ?? null });
    }),
  ),
  orm('a customer reads what it wrote', 6, (a) =>
    own(a, async (row) => {
      const found = a.one(
        row,
        await a.session.prepared('read', 'select id, label, n from customers where id = $1', [
          await a.key(row),
        ]),
      );
      const known = a.around.ledger.row('customers', row.label);
      if (found.label !== row.label || String(found.n) !== known?.values.n)
        throw new WrongAnswer(`customers ${row.label} is ${found.label}, ${found.n}, was ${known?.values.n}`);
    }),
  ),
  orm('an account is opened', 4, async (a) => {
    const row = await a.insert(
      'accounts',
      a.tag,
      { total: String(a.number(9_999)) },
      {
        customer_id: a.some('customers'),
      },
    );
    a.keep('accounts', row);
  }),
  orm('an account changes hands', 4, async (a) => {
    const row = a.own('accounts');
    if (!row) return customer(a);
    const to = a.some('customers');
    a.one(
      row,
      await a.session.prepared('move', 'update accounts set customer_id = $1 where id = $2', [
        await a.key(to),
        await a.key(row),
      ]),
    );
    a.changed(row, {}, { customer_id: to.label });
  }),
  orm('an order comes with lines', 3, async (a) => {
    const row = await a.insert('orders', a.tag, {}, { customer_id: a.some('customers') });
    a.keep('orders', row);
  }),
  orm('a line is added', 3, async (a) => {
    const order = a.some('orders');
    // numbers of its own: the key is (order, n)
    const n = a.around.numbers.next();
    await a.insert('order_lines', a.tag, { n, quantity: '1' }, { order_id: order });
  }),
  orm('somebody visits', 2, async (a) => {
    await a.insert('visits', a.tag, {}, { customer_id: a.some('customers') });
  }),
  orm('a profile is made', 2, async (a) => {
    const of = a.own('customers');
    if (!of || a.around.ledger.row('profiles', `of ${of.label}`)) return customer(a);
    await a.insert('profiles', `of ${of.label}`, { theme: a.tag }, { customer_id: of });
  }),
  orm('an account for nobody is refused', 1, (a) => insertAccountFor(a, nobody(a)), {
    refused: { code: '23503', constraint: 'accounts_customer_id_fkey' },
  }),
  orm(
    'an account moved to nobody is refused',
    1,
    async (a) => {
      const [key, to] = [await a.key(a.seed('accounts')), nobody(a)];
      await a.session.prepared('move', 'update accounts set customer_id = $1 where id = $2', [to, key]);
    },
    { refused: { code: '23503', constraint: 'accounts_customer_id_fkey' } },
  ),
  orm('a label that is taken is refused', 1, (a) => a.insert('customers', 'seed-1', { n: '1' }), {
    refused: { code: '23505', constraint: 'customers_label_key' },
  }),
  orm('a negative number is refused', 1, (a) => a.insert('customers', a.tag, { n: '-1' }), {
    refused: { code: '23514', constraint: 'customers_n_check' },
  }),
  orm('an account without a customer is refused', 1, (a) => insertAccountFor(a, null), {
    refused: { code: '23502', constraint: 'customer_id' },
  }),
  orm(
    'a node with children is not deleted',
    1,
    async (a) => {
      const key = await a.session.key({ table: 'nodes', label: 'seed-1', key: null });
      await a.session.prepared('delete node', 'delete from nodes where id = $1', [key]);
    },
    { refused: { code: '23503', constraint: 'nodes_parent_id_fkey' } },
  ),
  orm(
    'a key that is taken is refused',
    1,
    async (a) => {
      const key = await a.session.key({ table: 'customers', label: 'seed-2', key: null });
      await a.insert('customers', a.tag, { n: '1' }, {}, key);
    },
    { refused: { code: '23505', constraint: 'customers_pkey' } },
  ),
];

const insertAccountFor = (a: Attempt, customer: string | null) =>
  a.session.prepared(
    'insert accounts label total customer_id',
    'insert into accounts (label, total, customer_id) values ($1, $2, $3) returning id',
    [a.tag, '1', customer],
  );
