import type { Attempt, Operation } from '../attempt.js';
import type { Row } from '../session.js';

/** Keys that the application gives, changes, and gives again. */

const keys = (
  name: string,
  weight: number,
  run: Operation['run'],
  more: Partial<Operation> = {},
): Operation => ({
  name,
  group: 'keys',
  kind: 'statement',
  weight,
  run,
  ...more,
});

async function code(a: Attempt): Promise<Row> {
  const row = await a.insert('codes', a.tag, {}, {}, a.newKey('codes'));
  a.keep('codes', row);
  return row;
}

async function ownCode(a: Attempt, then: (row: Row) => Promise<unknown>): Promise<unknown> {
  const row = a.own('codes');
  return row ? then(row) : code(a);
}

/** The row's key is another from now on; its children follow by themselves. */
async function rekey(a: Attempt, row: Row, column: string): Promise<void> {
  const to = a.newKey(row.table);
  a.one(
    row,
    await a.session.prepared(
      `rekey ${row.table}`,
      `update ${row.table} set ${column} = $1 where ${column} = $2`,
      [to, await a.key(row)],
    ),
  );
  a.changed(row, {}, {}, to);
  a.afterwards(() => {
    row.key = to;
  });
}

export const keyOperations: Operation[] = [
  keys('a code is made', 2, code),
  keys('a code is used', 2, (a) =>
    ownCode(a, async (row) => {
      await a.insert('code_uses', a.tag, {}, { code: row, fallback: row });
    }),
  ),
  keys('a code is used by default', 1, (a) =>
    ownCode(a, async (row) => {
      const key = await a.key(row);
      const { rows } = await a.session.prepared(
        'use by default',
        'insert into code_uses (label, code) values ($1, $2) returning id',
        [a.tag, key],
      );
      const fallback: Row = { table: 'codes', label: 'seed-fallback', key: null };
      a.created('code_uses', a.tag, {}, { code: row, fallback }, String(rows[0]?.id));
    }),
  ),
  keys('a code changes its key, and its uses follow', 2, (a) => ownCode(a, (row) => rekey(a, row, 'code'))),
  keys('a customer with a key of its own comes', 1, async (a) => {
    const row = await a.insert('customers', a.tag, { n: '2' }, {}, a.newKey('customers'));
    a.keep('customers', row);
  }),
  keys(
    'a customer with everything changes its key',
    2,
    async (a) => {
      const row = a.own('customers');
      if (row) return rekey(a, row, 'id');
      const made = await a.insert('customers', a.tag, { n: '2' });
      a.keep('customers', made);
      await a.insert('accounts', `${a.tag} a`, { total: '1' }, { customer_id: made });
      await a.insert('visits', `${a.tag} v`, {}, { customer_id: made });
      await a.insert('profiles', `${a.tag} p`, { theme: 'light' }, { customer_id: made });
      await a.insert('customers', `${a.tag} r`, { n: '1' }, { referred_by: made });
    },
    { kind: 'transaction' },
  ),
  keys(
    'a code is made, deleted and made again in one transaction',
    1,
    async (a) => {
      const { key } = await a.insert('codes', a.tag, {}, {}, a.newKey('codes'));
      await a.session.prepared('delete code', 'delete from codes where code = $1', [key]);
      a.deleted('codes', a.tag);
      const label = `${a.tag} again`;
      await a.insert('codes', label, {}, {}, key as string);
      a.keep('phoenixes', { table: 'codes', label, key });
    },
    { kind: 'transaction' },
  ),
  keys(
    'a code deleted long ago is made again with its key',
    1,
    async (a) => {
      const row = a.own('phoenixes');
      if (!row) return code(a);
      const key = (await a.key(row)) as string;
      await a.session.prepared('delete code', 'delete from codes where code = $1', [key]);
      a.deleted('codes', row.label);
      const label = `${a.tag} again`;
      await a.insert('codes', label, {}, {}, key);
      a.drop('phoenixes', row);
      a.keep('phoenixes', { table: 'codes', label, key });
    },
    { kind: 'transaction' },
  ),
];
