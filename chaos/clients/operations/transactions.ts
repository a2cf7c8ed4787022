import type { Attempt, Operation } from '../attempt.js';
import type { Row } from '../session.js';

/** Transactions whose rows come in an order that only a deferred constraint, or one statement, allows; and both lock orders. */

const transaction = (name: string, run: Operation['run'], more: Partial<Operation> = {}): Operation => ({
  name,
  group: 'transaction',
  kind: 'transaction',
  weight: 2,
  run,
  ...more,
});

/** A team and its lead refer to each other: one of them is always first. */
async function teamAndLead(a: Attempt, memberFirst: boolean): Promise<void> {
  const team: Row = { table: 'teams', label: `${a.tag} t`, key: a.newKey('teams') };
  const lead: Row = { table: 'members', label: `${a.tag} m`, key: a.newKey('members') };
  const writes = [
    () => a.insert('teams', team.label, {}, { lead_id: lead }, team.key as string),
    () => a.insert('members', lead.label, {}, { team_id: team }, lead.key as string),
  ];
  for (const write of memberFirst ? writes.reverse() : writes) await write();
  // as the model has it, whichever came first
  a.keep('teams', team);
}

async function nodes(a: Attempt, childFirst: boolean): Promise<void> {
  const parent: Row = { table: 'nodes', label: `${a.tag} p`, key: a.newKey('nodes') };
  const child: Row = { table: 'nodes', label: `${a.tag} c`, key: a.newKey('nodes') };
  const of = (row: Row) => [row.label, row.key as string] as const;
  const rows = [
    [...of(parent), parent.key as string],
    [...of(child), parent.key as string],
  ];
  if (childFirst) rows.reverse();
  await a.session.prepared(
    'nodes',
    'insert into nodes (label, id, parent_id) values ($1, $2, $3), ($4, $5, $6)',
    rows.flat(),
  );
  a.created('nodes', parent.label, {}, { parent_id: parent }, parent.key);
  a.created('nodes', child.label, {}, { parent_id: parent }, child.key);
  a.keep('nodes', child);
}

/** Rows of its own: clients that take the tables in either order never wait for one another's rows. */
async function bothTables(a: Attempt, accountFirst: boolean): Promise<void> {
  const account = a.own('held');
  if (!account) {
    const made = await a.insert('customers', `${a.tag} h`, { n: '1' });
    const held = await a.insert('accounts', `${a.tag} h`, { total: '1' }, { customer_id: made });
    a.keep('held', held);
    return;
  }
  const holder: Row = { table: 'customers', label: account.label, key: null };
  const n = String(a.number(1_000));
  const writes = [
    async () =>
      a.one(
        account,
        await a.session.prepared('total', 'update accounts set total = $1 where id = $2', [
          n,
          await a.key(account),
        ]),
      ),
    async () =>
      a.one(
        holder,
        await a.session.prepared('n', 'update customers set n = $1 where label = $2', [n, holder.label]),
      ),
  ];
  for (const write of accountFirst ? writes : writes.reverse()) await write();
  a.changed(account, { total: n });
  a.changed(holder, { n });
}

export const transactionOperations: Operation[] = [
  transaction('a team, then its lead (deferred)', (a) => teamAndLead(a, false)),
  transaction('a lead, then its team (deferred)', (a) => teamAndLead(a, true)),
  transaction('a parent and its child in one statement', (a) => nodes(a, false), { kind: 'statement' }),
  transaction('a child and its parent in one statement', (a) => nodes(a, true), { kind: 'statement' }),
  transaction(
    'a customer and an account in one statement',
    async (a) => {
      const { rows } = await a.session.prepared(
        'family',
        `with p as (insert into customers (label, n) values ($1, 5) returning id)
       insert into accounts (label, customer_id, total) select $2, id, 7 from p returning id as account, customer_id as customer`,
        [`${a.tag} p`, `${a.tag} c`],
      );
      const parent: Row = { table: 'customers', label: `${a.tag} p`, key: String(rows[0]?.customer) };
      a.created('customers', parent.label, { n: '5' }, { referred_by: null }, parent.key);
      a.created('accounts', `${a.tag} c`, { total: '7' }, { customer_id: parent }, String(rows[0]?.account));
    },
    { kind: 'statement' },
  ),
  transaction(
    'a row that refers to itself',
    async (a) => {
      const row: Row = { table: 'customers', label: a.tag, key: a.newKey('customers') };
      await a.insert('customers', a.tag, { n: '3' }, { referred_by: row }, row.key as string);
      a.keep('selves', row);
    },
    { kind: 'statement' },
  ),
  transaction('lines before their order (set constraints)', async (a) => {
    const order: Row = { table: 'orders', label: a.tag, key: a.newKey('orders') };
    await a.session.run('set constraints all deferred');
    await a.insert('order_lines', `${a.tag} 1`, { n: '1', quantity: '2' }, { order_id: order });
    await a.insert('order_lines', `${a.tag} 2`, { n: '2', quantity: '3' }, { order_id: order });
    await a.insert('orders', a.tag, {}, { customer_id: a.seed('customers') }, order.key as string);
  }),
  transaction('accounts before customers', (a) => bothTables(a, true), { weight: 4 }),
  transaction('customers before accounts', (a) => bothTables(a, false), { weight: 4 }),
  transaction(
    'a member of no team is refused at commit',
    async (a) => {
      const team: Row = { table: 'teams', label: 'none', key: a.newKey('teams') };
      await a.insert('members', a.tag, {}, { team_id: team });
    },
    { weight: 1, refused: { code: '23503', constraint: 'members_team_id_fkey' } },
  ),
  transaction(
    'a line of no order is refused',
    async (a) => {
      const order: Row = { table: 'orders', label: 'none', key: a.newKey('orders') };
      await a.insert('order_lines', a.tag, { n: '1', quantity: '1' }, { order_id: order });
    },
    { weight: 1, refused: { code: '23503', constraint: 'order_lines_order_id_fkey' } },
  ),
];
