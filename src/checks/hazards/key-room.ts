import { quoteIdent, quoteTable } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';

// beyond 2 ** 53 a number would round, and the end of bigint would never be reached
const largest: Record<string, bigint> = {
  smallint: 32_767n,
  integer: 2_147_483_647n,
  bigint: 2n ** 63n - 1n,
};
/** From this percentage on it is a hazard: until cleanup every new row still takes an integer. */
const much = 80n;

/** Until cleanup new rows get their legacy integer from the old sequence, or from Rekey's where the key has none. */
export async function keyRoom({ view, database }: HazardContext): Promise<Hazard[]> {
  const found: Hazard[] = [];
  for (const domain of view.substitution.domains) {
    if (domain.column === null) continue;
    const table = view.catalog.tables.find((t) => t.id === domain.root);
    const column = table?.columns.find((c) => c.name === domain.column);
    const limit = largest[column?.type ?? ''];
    if (!column || limit === undefined) continue;
    const { sequence } = column;
    const end = sequence && BigInt(sequence.max) < limit ? BigInt(sequence.max) : limit;
    const last = sequence
      ? await numberOf(
          database,
          `select last_value::text as n from ${quoteTable(sequence.schema, sequence.name)}`,
        )
      : await numberOf(
          database,
          `select pg_catalog.max(${quoteIdent(domain.column)})::text as n from ${view.sqlTable(domain.root)}`,
        );
    const step = BigInt(sequence?.increment ?? 1);
    if (step < 0n || last === null || last * 100n < end * much) continue;
    const atEnd = last + step > end;
    const on = `${domain.root}.${domain.column}`;
    const what = sequence
      ? `its sequence stands at ${last} of ${end}`
      : `its highest key is ${last} of ${end}`;
    found.push({
      hazard: atEnd ? 'sequence-at-end' : 'sequence-nearly-full',
      rank: atEnd ? 'stop' : 'accept',
      on,
      message: `${on} has ${atEnd ? 'no room' : 'little room'} left (${column.type}): ${what}, and new rows take integers until cleanup`,
      remedy: atEnd
        ? 'set the sequence to a range that is free (negative numbers, a gap), or make the key and its references bigint'
        : 'see that cleanup comes before the room ends, then accept it with a because',
    });
  }
  return found;
}

async function numberOf(database: HazardContext['database'], text: string): Promise<bigint | null> {
  const [row] = await database.query<{ n: string | null }>(text);
  return row?.n == null ? null : BigInt(row.n);
}
