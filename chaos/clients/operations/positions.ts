import type { Attempt, Operation } from '../attempt.js';
import { isUuid, type Row } from '../session.js';

/**
 * An application that counts on the order of columns. While a table has columns of Rekey's, and for ever after cleanup, the
 * server may refuse that; then the same is done with every column named. What is accepted is where it belongs.
 */

/** As schema.sql has them. */
const uploadColumns = ['id', 'label', 'customer_id', 'account_id', 'amount'];

const position = (name: string, run: Operation['run'], more: Partial<Operation> = {}): Operation => ({
  name,
  group: 'position',
  kind: 'statement',
  weight: 1,
  byPosition: true,
  run,
  ...more,
});

/** `old`: as an application that was not told of new keys, with the integers that it has always had. */
async function upload(a: Attempt, references: boolean, old = false) {
  const customer = references ? a.seed('customers') : null;
  const account = references ? a.seed('accounts') : null;
  const key = old ? a.around.numbers.next() : a.newKey('uploads');
  const keyOf = async (row: Row | null) => (old && row ? integerOf(a, row) : null) ?? (await a.key(row));
  const values = [key, a.tag, await keyOf(customer), await keyOf(account), '7'];
  a.created('uploads', a.tag, { amount: '7' }, { customer_id: customer, account_id: account }, key);
  return values;
}

function integerOf(a: Attempt, { table, label }: Row): string | null {
  return [...(a.around.ledger.row(table, label)?.keys ?? [])].find((key) => !isUuid(key)) ?? null;
}

const insert =
  (references: boolean, old = false) =>
  async (a: Attempt) => {
    const values = await upload(a, references, old && !a.named);
    const columns = a.named ? ` (${uploadColumns.join(', ')})` : '';
    await a.session.prepared(
      `upload${columns}`,
      `insert into uploads${columns} values ($1, $2, $3, $4, $5)`,
      values,
    );
  };

export const positionOperations: Operation[] = [
  position('an insert without column names', insert(true)),
  position('an insert without column names that refers to nothing', insert(false)),
  position('an insert without column names by an application of yesterday', insert(true, true)),
  position('COPY without column names', async (a) => {
    const rows = [await upload(a, true)];
    await a.session.copy('uploads', a.named ? uploadColumns : null, rows);
  }),
  position(
    'insert into archived select * from uploads',
    async (a) => {
      await a.insert('uploads', a.tag, { amount: '4' }, { customer_id: a.seed('customers') });
      await a.session.prepared(
        `archive ${a.named}`,
        a.named
          ? 'insert into archived (label, amount) select label, amount from uploads where label = $1'
          : 'insert into archived select * from uploads where label = $1',
        [a.tag],
      );
      a.created('archived', a.tag, { amount: '4' });
    },
    { kind: 'transaction' },
  ),
];
