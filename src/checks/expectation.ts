type Expectation = 'no rows' | number | string;

/** The first row of what a plan's query answered, as text: for findings alone. Pure. */
export function exampleOf(rows: Record<string, unknown>[]): Record<string, string | null> {
  const [row = {}] = rows;
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      value == null ? null : String(value).slice(0, 200),
    ]),
  );
}

/** Judges what a plan's query answered: no row at all, or the first value of the first row. Pure. */
export function meets(
  expect: Expectation,
  rows: Record<string, unknown>[],
): { passed: boolean; said: string } {
  if (expect === 'no rows') return { passed: rows.length === 0, said: 'expected no rows, found some' };
  const [value] = Object.values(rows[0] ?? {});
  if (rows.length === 0) return { passed: false, said: `expected ${expect}, found no row` };
  if (typeof expect === 'number') {
    const number = value === null || value === undefined ? Number.NaN : Number(value);
    // counts may be told, anything else may be data
    const found = Number.isFinite(number) ? String(number) : 'something else';
    return { passed: number === expect, said: `expected ${expect}, found ${found}` };
  }
  return { passed: String(value) === expect, said: 'found something else than expected' };
}
