import type { Attempt, Operation } from '../attempt.js';
import type { Change } from '../ledger.js';
import type { Row } from '../session.js';

/** Several clients on the same values at the same time: what each was told counts, in sums. */

/** The same turn on the same row; half of them name the constraint, as Hasura does. */
const arbiter = (a: Attempt, columns: string, constraint: string): [string, string] =>
  a.number(2) ? ['', columns] : [' by name', `on constraint ${constraint}`];

/** One of few codes that others count on, take away and make again at the same moment. */
async function standing(a: Attempt, then: (key: string, label: string) => Promise<unknown>): Promise<void> {
  const rows = a.around.own.get('standing') ?? [];
  const row = rows[a.turn % rows.length];
  if (!row) return;
  // while nobody had it when the map came by, each maker gives it the same key of its own
  const number = row.label.replace(/\D+/, '');
  const own = a.session.hasUuidKey('codes') ? `00000000-0000-4000-9000-${number.padStart(12, '0')}` : number;
  await then((await a.session.keyIfKnown(row)) ?? own, row.label);
}

const hits = (label: string, by: number): Change => ({
  what: 'add',
  table: 'codes',
  label,
  by,
  values: {},
  references: {},
});

async function upsertEntry(a: Attempt, account: Row, n: string): Promise<void> {
  const by = 1 + a.number(9);
  const label = `${account.label}#${n}`;
  const [how, conflict] = arbiter(a, '(account_id, n)', 'entries_account_id_n_key');
  await a.session.prepared(
    `upsert entry${how}`,
    `insert into entries (account_id, n, label, amount) values ($1, $2, $3, $4)
     on conflict ${conflict} do update set amount = entries.amount + excluded.amount`,
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
      a.changes.push(hits(label, 1));
    },
  },
  {
    name: 'an upsert on a key that others take away and make again',
    group: 'upsert',
    kind: 'statement',
    weight: 3,
    upserts: true,
    run: (a) =>
      standing(a, async (key, label) => {
        const [how, conflict] = arbiter(a, '(code)', 'codes_pkey');
        await a.session.prepared(
          `upsert standing${how}`,
          `insert into codes (code, label, hits) values ($1, $2, 1) on conflict ${conflict} do update set hits = codes.hits + 1`,
          [key, label],
        );
        a.changes.push(hits(label, 1));
      }),
  },
  {
    name: 'a key that others count on is taken away, or made again',
    group: 'upsert',
    kind: 'statement',
    weight: 2,
    upserts: true,
    run: (a) =>
      standing(a, async (key, label) => {
        if (a.number(3)) {
          const { rows } = await a.session.prepared(
            'take standing away',
            'delete from codes where code = $1 returning hits',
            [key],
          );
          for (const row of rows) a.changes.push(hits(label, -Number(row.hits)));
          return;
        }
        const { rowCount } = await a.session.prepared(
          'make standing',
          'insert into codes (code, label, hits) values ($1, $2, 1) on conflict (code) do nothing',
          [key, label],
        );
        if (rowCount === 1) a.changes.push(hits(label, 1));
      }),
  },
];
