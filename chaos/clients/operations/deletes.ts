import type { Attempt, Operation } from '../attempt.js';
import type { Row } from '../session.js';

/** Deletes of rows with children of every kind: those that go with them, lose their reference, or fall to the default. */

const deletion = (name: string, run: Operation['run'], kind: Operation['kind'] = 'statement'): Operation => ({
  name,
  group: 'delete',
  kind,
  weight: 1,
  run,
});

/** Labels of a family hang on its first, so that who deletes it knows what goes and what stays. */
async function family(a: Attempt): Promise<void> {
  const head = await a.insert('customers', a.tag, { n: '9' });
  const account = await a.insert('accounts', `${a.tag} a`, { total: '1' }, { customer_id: head });
  await a.insert('profiles', `${a.tag} p`, { theme: 'dark' }, { customer_id: head });
  await a.insert('visits', `${a.tag} v`, {}, { customer_id: head });
  await a.insert('customers', `${a.tag} r`, { n: '1' }, { referred_by: head });
  await a.insert('orders', `${a.tag} o`, {}, { customer_id: head });
  await a.insert('uploads', `${a.tag} u`, { amount: '4' }, { customer_id: head, account_id: account });
  await a.insert('vaults', `${a.tag} s`, { tenant: 'nobody' }, { customer_id: head });
  await a.session.prepared(
    'entry',
    'insert into entries (account_id, n, label, amount) values ($1, 1, $2, 5)',
    [account.key, `${a.tag} e`],
  );
  a.changes.push({
    what: 'add',
    table: 'entries',
    label: `${a.tag} e`,
    by: 5,
    values: { n: '1' },
    references: { account_id: account.label },
  });
  a.keep('families', head);
}

async function deleteFamily(a: Attempt): Promise<void> {
  const head = a.own('families');
  if (!head) return family(a);
  const { label } = head;
  a.one(
    head,
    await a.session.prepared('delete customer', 'delete from customers where id = $1', [await a.key(head)]),
  );
  a.deleted('customers', label);
  a.deleted('accounts', `${label} a`);
  a.deleted('profiles', `${label} p`);
  a.deleted('visits', `${label} v`);
  a.deleted('entries', `${label} e`);
  a.changed({ table: 'customers', label: `${label} r` }, {}, { referred_by: null });
  a.changed({ table: 'orders', label: `${label} o` }, {}, { customer_id: null });
  a.changed({ table: 'uploads', label: `${label} u` }, {}, { customer_id: null, account_id: null });
  a.changed({ table: 'vaults', label: `${label} s` }, {}, { customer_id: null });
  a.drop('families', head);
}

async function usedCode(a: Attempt): Promise<void> {
  const head = await a.insert('codes', a.tag, {}, {}, a.newKey('codes'));
  await a.insert('code_uses', `${a.tag} 1`, {}, { code: head, fallback: head });
  await a.insert('code_uses', `${a.tag} 2`, {}, { code: null, fallback: head });
  a.keep('used', head);
}

async function deleteUsed(a: Attempt): Promise<void> {
  const head = a.own('used');
  if (!head) return usedCode(a);
  a.one(
    head,
    await a.session.prepared('delete code', 'delete from codes where code = $1', [await a.key(head)]),
  );
  a.deleted('codes', head.label);
  const fallen = { code: null, fallback: 'seed-fallback' };
  a.changed({ table: 'code_uses', label: `${head.label} 1` }, {}, fallen);
  a.changed({ table: 'code_uses', label: `${head.label} 2` }, {}, fallen);
  a.drop('used', head);
}

async function team(a: Attempt): Promise<void> {
  const head: Row = { table: 'teams', label: a.tag, key: a.newKey('teams') };
  const lead: Row = { table: 'members', label: `${a.tag} m`, key: a.newKey('members') };
  await a.insert('members', lead.label, {}, { team_id: head }, lead.key as string);
  await a.insert('teams', a.tag, {}, { lead_id: lead }, head.key as string);
  a.keep('circles', head);
}

/** The team goes with its members, or its lead goes and it has none. */
async function breakCircle(a: Attempt, of: 'teams' | 'members'): Promise<void> {
  const head = a.own('circles');
  if (!head) return team(a);
  const row: Row = of === 'teams' ? head : { table: 'members', label: `${head.label} m`, key: null };
  a.one(row, await a.session.prepared(`delete ${of}`, `delete from ${of} where id = $1`, [await a.key(row)]));
  a.deleted('members', `${head.label} m`);
  if (of === 'teams') a.deleted('teams', head.label);
  else a.changed(head, {}, { lead_id: null });
  a.drop('circles', head);
}

export const deleteOperations: Operation[] = [
  deletion('a family comes', family, 'transaction'),
  deletion('a customer goes, with what cascades and what is set null', deleteFamily, 'transaction'),
  deletion('a code with uses comes', usedCode, 'transaction'),
  deletion('a code goes, its uses fall to null and to the default', deleteUsed, 'transaction'),
  deletion('a circle comes', team, 'transaction'),
  deletion('a team goes with its members', (a) => breakCircle(a, 'teams'), 'transaction'),
  deletion('a lead goes, the team stays', (a) => breakCircle(a, 'members'), 'transaction'),
];
