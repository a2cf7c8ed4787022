import { splitName } from '../catalog/quote.js';

/** A statement of cleanup's `indexes`, as far as it must be understood: it is one, builds CONCURRENTLY, and has a name. */
export interface IndexStatement {
  wrong: string | null;
  name: string | null;
}

const identifier = '(?:"(?:[^"]|"")+"|[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*)';
const begin = new RegExp(
  `^create\\s+(?:unique\\s+)?index\\s+concurrently\\s+(?:if\\s+not\\s+exists\\s+)?(?!on\\s)(${identifier})\\s+on\\s+(?:only\\s+)?${identifier}(?:\\.${identifier})?\\s*(?:using\\s|\\()`,
  'i',
);

export function checkIndexStatement(sql: string): IndexStatement {
  const statement = sql.trim();
  const refuse = (wrong: string): IndexStatement => ({ wrong, name: null });
  if (!/^create\s+(?:unique\s+)?index\b/i.test(statement)) return refuse('is not a create index statement');
  if (!/^create\s+(?:unique\s+)?index\s+concurrently\b/i.test(statement)) {
    return refuse('builds an index without concurrently: writers would wait until it is done');
  }
  const match = begin.exec(statement);
  if (!match)
    return refuse('must name the index and its table, so that it is found again after an interruption');
  if (withoutQuotes(statement).includes(';')) return refuse('must be one statement, without a semicolon');
  const written = match[1]!;
  const name = written.startsWith('"') ? (splitName(written)?.[0] ?? written) : written.toLowerCase();
  return { wrong: null, name };
}

/** Comments, literals and quoted names taken out. */
function withoutQuotes(sql: string): string {
  return sql.replaceAll(
    /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$/g,
    '',
  );
}
