import type { TableId } from '../plan/model.js';

/** The one way in which a name gets into SQL: always quoted, so that case, blanks and reserved words need no thought. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteTable(schema: string, name: string): string {
  return `${quoteIdent(schema)}.${quoteIdent(name)}`;
}

/** A text literal for statements that take no parameters (DDL): independent of standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

function part(name: string): string {
  return /[."]/.test(name) ? quoteIdent(name) : name;
}

/** The name by which plans, the journal and the mapping call a table: schema-qualified outside `public`. */
export function tableId(schema: string, name: string): TableId {
  return schema === 'public' ? part(name) : `${part(schema)}.${part(name)}`;
}

/** The parts of a dotted name; null where quotes don't match. `a."b.c"` gives ['a', 'b.c']. */
export function splitName(text: string): string[] | null {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const match = /^(?:"((?:[^"]|"")+)"|([^."]+))(\.|$)/.exec(rest);
    if (!match) return null;
    parts.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : (match[2] as string));
    rest = rest.slice(match[0].length);
    if (match[3] === '') return rest === '' ? parts : null;
    if (rest === '') return null;
  }
}

/** Schema and name of a TableId; null where it is not one. */
export function splitTableId(id: TableId): { schema: string; name: string } | null {
  const parts = splitName(id);
  if (!parts || parts.length > 2) return null;
  return parts.length === 2
    ? { schema: parts[0] as string, name: parts[1] as string }
    : { schema: 'public', name: parts[0] as string };
}
