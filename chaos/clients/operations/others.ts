import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt, Operation } from '../attempt.js';
import { type Row, WrongAnswer } from '../session.js';

/** Those that write by other ways than an application's own statements, and those that hold on for long. */

/** A seed's values, as the ledger has had them from the beginning. */
function expectSeed(a: Attempt, row: Record<string, unknown> | undefined, of: Row, column: string): void {
  const known = a.around.ledger.row(of.table, of.label)?.values[column];
  if (row?.label !== of.label || String(row?.[column]) !== known)
    throw new WrongAnswer(`${of.table} ${of.label} is ${row?.label}, ${row?.[column]}, was ${known}`);
}

const star = (table: 'customers' | 'accounts' | 'uploads', column: string): Operation => ({
  name: `select * from ${table}`,
  group: 'star',
  kind: 'read',
  weight: 1,
  run: async (a) => {
    const of = a.seed(table);
    const { rows } = await a.session.prepared(`star ${table}`, `select * from ${table} where label = $1`, [
      of.label,
    ]);
    expectSeed(a, rows[0], of, column);
  },
});

const many = (a: Attempt) =>
  Array.from({ length: 5 }, (_, i) => ({
    label: `${a.tag} ${i}`,
    customer: a.seed('customers'),
    account: i % 2 ? a.seed('accounts') : null,
  }));

async function copyUploads(a: Attempt): Promise<void> {
  const lines = many(a);
  const rows = [];
  for (const { label, customer, account } of lines)
    rows.push([label, await a.key(customer), await a.key(account), '8']);
  await a.session.copy('uploads', ['label', 'customer_id', 'account_id', 'amount'], rows);
  for (const { label, customer, account } of lines)
    a.created('uploads', label, { amount: '8' }, { customer_id: customer, account_id: account });
}

const single = (
  group: Operation['group'],
  name: string,
  run: Operation['run'],
  more: Partial<Operation> = {},
): Operation => ({ name, group, kind: 'statement', weight: 1, run, ...more });

export const otherOperations: Operation[] = [
  star('customers', 'n'),
  star('accounts', 'total'),
  star('uploads', 'amount'),
  single(
    'report',
    'a long report',
    async (a) => {
      const { rows } = await a.session.run(
        `select count(*)::text as all, count(p.id)::text as paired from accounts a
       left join customers p on p.id = a.customer_id, (select pg_sleep($1::float8)) s where a.label like 'seed-%'`,
        [String(a.around.reportMs / 1000)],
      );
      const expected = String(a.around.seeds.get('accounts')?.length);
      if (rows[0]?.all !== expected || rows[0]?.paired !== expected)
        throw new WrongAnswer(
          `a report over ${expected} accounts found ${rows[0]?.all}, ${rows[0]?.paired} with a customer`,
        );
    },
    { kind: 'read' },
  ),
  single(
    'star',
    'a function of plpgsql that keeps keys in variables',
    async (a) => {
      const of = a.seed('accounts');
      const { rows } = await a.session.prepared('account of', 'select account_of($1) as customer', [
        of.label,
      ]);
      const known = a.around.ledger.row('accounts', of.label)?.references.customer_id;
      if (rows[0]?.customer !== known)
        throw new WrongAnswer(`the customer of accounts ${of.label} is ${rows[0]?.customer}, was ${known}`);
    },
    { kind: 'read' },
  ),
  single(
    'idle',
    'a transaction that idles',
    async (a) => {
      const of = a.seed('customers');
      // held, not written: a batch has to come back for it
      const { rows } = await a.session.run(
        'select label, n from customers where label = $1 for no key update',
        [of.label],
      );
      expectSeed(a, rows[0], of, 'n');
      const row = await a.insert('orders', a.tag, {}, { customer_id: of });
      await sleep(a.around.idleMs);
      await a.insert('order_lines', `${a.tag} 1`, { n: '1', quantity: '1' }, { order_id: row });
    },
    { kind: 'transaction' },
  ),
  single('copy', 'COPY into uploads', copyUploads),
  single('loader', 'COPY under replica role', copyUploads),
  single(
    'loader',
    'an insert under replica role',
    async (a) => {
      const row = await a.insert('customers', a.tag, { n: '6' }, { referred_by: a.seed('customers') });
      a.keep('loaded', row);
    },
    { weight: 2 },
  ),
  single(
    'loader',
    'an update under replica role',
    async (a) => {
      const row = a.own('loaded');
      if (!row) return a.keep('loaded', await a.insert('customers', a.tag, { n: '6' }));
      const [n, to] = [String(a.number(500)), a.seed('customers')];
      a.one(
        row,
        await a.session.prepared('load', 'update customers set n = $1, referred_by = $2 where id = $3', [
          n,
          await a.key(to),
          await a.key(row),
        ]),
      );
      a.changed(row, { n }, { referred_by: to.label });
    },
    { weight: 2 },
  ),
  single(
    'tenant',
    'a tenant makes a vault for a customer that it may not see',
    async (a) => {
      const values = { tenant: 'shop_tenant' };
      const row = await a.insert('vaults', a.tag, values, { customer_id: a.seed('customers') });
      a.keep('vaults', row);
    },
    { weight: 3 },
  ),
  single(
    'tenant',
    'a tenant puts something into a vault of its own, or one that it may not see',
    async (a) => {
      await a.insert('vault_items', a.tag, { amount: '3' }, { vault_id: a.some('vaults') });
    },
    { weight: 4 },
  ),
  single(
    'tenant',
    'a tenant reads its vaults',
    async (a) => {
      const { rows } = await a.session.prepared(
        'vaults',
        `select label, tenant from vaults where label like 'seed-%'`,
      );
      const own = (a.around.seeds.get('vaults') ?? []).filter(
        (row) => a.around.ledger.row('vaults', row.label)?.values.tenant === 'shop_tenant',
      );
      if (rows.length !== own.length || rows.some((row) => row.tenant !== 'shop_tenant'))
        throw new WrongAnswer(`a tenant of ${own.length} vaults sees ${rows.length}`);
    },
    { weight: 2, kind: 'read' },
  ),
  single(
    'tenant',
    'a vault of somebody else is refused',
    async (a) => {
      await a.session.prepared('foreign', 'insert into vaults (label, tenant) values ($1, $2)', [
        a.tag,
        'somebody else',
      ]);
    },
    { refused: { code: '42501', constraint: '' } },
  ),
];
