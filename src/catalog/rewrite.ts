import { quoteIdent } from './quote.js';

/**
 * Puts other column names into an expression as PostgreSQL deparses it for one table (pg_get_expr): columns are bare or
 * quoted identifiers without a table in front. Only names are changed, never types or operators: what no longer fits is
 * found by making every twin on empty copies. A word after `::`, before `(` or beside a dot is no column.
 */
export function renameColumns(
  expression: string,
  rename: (column: string) => string | undefined,
  quote: (name: string) => string = quoteIdent,
): string {
  const tokens = expression.match(token) ?? [];
  return tokens
    .map((text, at) => {
      const name = columnIn(text);
      if (name === null) return text;
      const before = neighbour(tokens, at, -1);
      const after = neighbour(tokens, at, 1);
      if (before === '::' || before === '.' || after === '.' || after === '(') return text;
      const other = rename(name);
      return other === undefined ? text : quote(other);
    })
    .join('');
}

const token =
  /'(?:[^']|'')*'|[eE]'(?:[^'\\]|\\.|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|::|\d[\w.]*|\s+|[\s\S]/g;

function columnIn(text: string): string | null {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"');
  return /^[A-Za-z_\u0080-\uffff]/.test(text) && !/^[eE]'/.test(text) ? text : null;
}

function neighbour(tokens: string[], at: number, step: 1 | -1): string | undefined {
  for (let i = at + step; i >= 0 && i < tokens.length; i += step) {
    if (!/^\s+$/.test(tokens[i] as string)) return tokens[i];
  }
  return undefined;
}
