import type { Attempt, Operation } from '../attempt.js';
import type { Row } from '../session.js';

/** Several clients on the same values at the same time: what each was told counts, in sums. */

async function upsertEntry(a: Attempt, account: Row, n: string): Promise<void> {
  const by = 1 + a.number(9);
  const label = `${account.label}#${n}`;
  await a.session.prepared(
    'upsert entry',
    `insert into entries (account_id, n, label, amount) values ($1, $2, $3, $4)
     on conflict (account_id, n) do update set amount = entries.amount + excluded.amount`,
    [await a.key(account), n, label, String(by)],
  );
  a.changes.push({
    what: 'add',
    table: 'entries',
    label,
    by,
    values: { n },
    references: { account_id: account.label },
  });
}

export const upsertOperations: Operation[] = [
  {
    name: 'an upsert on a unique reference, while others make the same row',
    group: 'upsert',
    kind: 'statement',
    weight: 6,
    upserts: true,
    run: (a) => {
      const [account] = a.around.seeds.get('accounts') as [Row];
      return upsertEntry(a, account, String(a.around.numbers.hotNumber(a.turn)));
    },
  },
  {
    name: 'an upsert on a unique reference that stands',
    group: 'upsert',
    kind: 'statement',
    weight: 3,
    upserts: true,
    run: (a) => upsertEntry(a, (a.around.seeds.get('accounts') as Row[])[a.number(3)] as Row, '2000000'),
  },
  {
    name: 'an upsert on a key, while others make the same row',
    group: 'upsert',
    kind: 'statement',
    weight: 5,
    upserts: true,
    run: async (a) => {
      const label = a.around.numbers.hotLabel(a.turn);
      await a.session.prepared(
        'upsert code',
        `insert into codes (code, label, hits) values ($1, $2, 1) on conflict (code) do update set hits = codes.hits + 1`,
        [a.around.numbers.hotCode(a.turn, a.session.hasUuidKey('codes')), label],
      );
      a.changes.push({ what: 'add', table: 'codes', label, by: 1, values: {}, references: {} });
    },
  },
];
