import { quoteIdent, quoteTable } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';

const largest: Record<string, number> = {
  smallint: 32_767,
  integer: 2_147_483_647,
  bigint: 2 ** 63,
};
/** From this share on it is a hazard: until cleanup every new row still takes an integer. */
const much = 0.8;

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
    const end = sequence ? Math.min(limit, Number(sequence.max)) : limit;
    const last = sequence
      ? await numberOf(
          database,
          `select last_value::float8 as n from ${quoteTable(sequence.schema, sequence.name)}`,
        )
      : await numberOf(
          database,
          `select pg_catalog.max(${quoteIdent(domain.column)})::float8 as n from ${view.sqlTable(domain.root)}`,
        );
    const step = sequence ? Number(sequence.increment) : 1;
    if (step < 0 || last === null || last < end * much) continue;
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

async function numberOf(database: HazardContext['database'], text: string): Promise<number | null> {
  const [row] = await database.query<{ n: number | null }>(text);
  return row?.n ?? null;
}
