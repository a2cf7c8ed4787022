/**
 * What two schema dumps differ in, without what others did meanwhile: a phase can wait for weeks, and the database lives
 * on. Pure.
 */
export interface DumpDifference {
  gone: string[];
  appeared: string[];
}

/**
 * `names`: of what others were seen to make, change or drop on the phase's tables before anything of the phase was undone.
 * `tables`: as pg_dump writes them, `schema.name`. An entry that has none of these tables in its text can't be Rekey's.
 */
export function dumpDifference(
  before: string,
  after: string,
  tables: readonly string[],
  names: readonly string[],
): DumpDifference {
  const excused = new Set(names.flatMap(wordsOf));
  const isOfPhase = (entry: string) => tables.some((table) => has(entry, table));
  const was = entriesOf(withoutTuning(before));
  const is = entriesOf(withoutTuning(after));
  const found: DumpDifference = { gone: [], appeared: [] };
  for (const header of new Set([...was.keys(), ...is.keys()])) {
    const [old, now] = [was.get(header) ?? '', is.get(header) ?? ''];
    if (old === now || !(isOfPhase(old) || isOfPhase(now))) continue;
    const ours = (line: string) => !wordsOf(line).some((word) => excused.has(word));
    if ((old === '' || now === '') && !ours(header)) continue;
    found.gone.push(...minus(old, now).filter(ours));
    found.appeared.push(...minus(now, old).filter(ours));
    // the same lines in another order
    const moved = linesOf(old).join('\n') !== linesOf(now).join('\n');
    if (names.length === 0 && moved && minus(old, now).length + minus(now, old).length === 0)
      found.appeared.push(header);
  }
  return found;
}

/**
 * A table's storage parameters, and the statistics targets, storage and compression of its columns: settings against bloat,
 * say, made while a phase waits. Rekey sets these on columns of its own only, which have to be gone anyway.
 */
function withoutTuning(dump: string): string {
  return dump
    .replace(/^\)\nWITH \(.*\);$/gm, ');')
    .replace(/^ALTER TABLE ONLY .* ALTER COLUMN .* SET (?:STATISTICS|STORAGE|COMPRESSION|\().*;$/gm, '');
}

const header = /^-- (?:Data for )?Name: .*$/gm;

/** By the line that pg_dump puts before each; what stands before the first has an empty one. */
function entriesOf(dump: string): Map<string, string> {
  const entries = new Map<string, string>();
  const at = [...dump.matchAll(header)];
  entries.set('', dump.slice(0, at[0]?.index ?? dump.length));
  at.forEach((found, n) => {
    const text = dump.slice(found.index, at[n + 1]?.index ?? dump.length);
    entries.set(found[0], `${entries.get(found[0]) ?? ''}${text}`);
  });
  return entries;
}

function minus(from: string, what: string): string[] {
  const there = new Set(linesOf(what));
  return linesOf(from).filter((line) => !there.has(line));
}

/** A comma more at a line's end says only that another column follows, and no semicolon that something stands behind the columns. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/[,;]$/, ''))
    .filter((line) => line.trim() !== '');
}

/** The names in a text; of a fingerprint's name, `column phone on people`, only what it names and not its table. */
function wordsOf(text: string): string[] {
  return (
    text
      .replace(/^(?:column|constraint|trigger|policy|rule|publication|child|parent) (.*) on .*$/, '$1')
      .replace(/^(?:index|statistics|view|function|table) /, '')
      .match(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? []
  );
}

function has(text: string, table: string): boolean {
  const at = text.indexOf(table);
  if (at === -1) return false;
  const after = text.charAt(at + table.length);
  return !/[\p{L}\p{N}_$]/u.test(after) || has(text.slice(at + table.length), table);
}
