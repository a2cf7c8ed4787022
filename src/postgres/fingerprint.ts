import { createHash } from 'node:crypto';
import { tableId } from '../catalog/quote.js';
import { fingerprintQuery } from './fingerprint-query.js';
import type { Session } from './session.js';

export interface Fingerprint {
  /** sha256 of the lines */
  hash: string;
  /** `<what and name>: <how it is>`, sorted */
  lines: string[];
}

/** What Rekey itself has made on the tables, so that a fingerprint of before can be compared with one of later. */
export interface OwnObjects {
  columns?: readonly { schema: string; table: string; column: string }[];
  indexes?: readonly { schema: string; index: string }[];
  constraints?: readonly { schema: string; table: string; constraint: string }[];
  statistics?: readonly { schema: string; statistics: string }[];
}

/**
 * All that hangs on these tables: columns, indexes, constraints on them and referring to them, triggers, policies,
 * rules, views over them and over those, functions, publications, children, owner, grants, comments, flags. Takes no
 * lock but ACCESS SHARE on the views it reads; a few ms. Tables are oids, so that a rename of one is seen.
 */
export async function readFingerprint(
  session: Session,
  tableOids: readonly number[],
  own: OwnObjects = {},
): Promise<Fingerprint> {
  const rows = await session.query<Thing & { how: string }>(fingerprintQuery, [tableOids]);
  const ours = ownNames(own);
  const lines = rows
    .filter((row) => !ours.has(nameOf(row)))
    .map((row) => `${nameOf(row)}: ${row.how}`)
    .sort();
  return { hash: createHash('sha256').update(lines.join('\n')).digest('hex'), lines };
}

export interface FingerprintDifference {
  /** names as in the lines: `index users_name`, `column email on users` */
  appeared: string[];
  gone: string[];
  changed: string[];
}

/** What differs between two fingerprints' lines; null where nothing does. */
export function fingerprintDifference(
  before: readonly string[],
  after: readonly string[],
): FingerprintDifference | null {
  const was = byName(before);
  const is = byName(after);
  const appeared = [...is.keys()].filter((name) => !was.has(name));
  const gone = [...was.keys()].filter((name) => !is.has(name));
  const changed = [...is.keys()].filter((name) => was.has(name) && was.get(name) !== is.get(name));
  return appeared.length + gone.length + changed.length > 0 ? { appeared, gone, changed } : null;
}

/** Which things these lines tell of. */
export function namesOf(lines: readonly string[]): string[] {
  return [...byName(lines).keys()];
}

function byName(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of lines) {
    const end = line.search(/: [[{]/);
    const name = line.slice(0, end);
    found.set(name, `${found.get(name) ?? ''}${line.slice(end)}`);
  }
  return found;
}

export interface Thing {
  kind: string;
  schema: string;
  object: string;
  part: string | null;
}

export function nameOf({ kind, schema, object, part }: Thing): string {
  if (schema === '*') return `${kind} ${part} of all tables`;
  if (part === null) return `${kind} ${tableId(schema, object)}`;
  return `${kind} ${part} on ${tableId(schema, object)}`;
}

function ownNames(own: OwnObjects): Set<string> {
  const things: Thing[] = [
    ...(own.columns ?? []).map((one) => ({
      kind: 'column',
      schema: one.schema,
      object: one.table,
      part: one.column,
    })),
    ...(own.indexes ?? []).map((one) => ({
      kind: 'index',
      schema: one.schema,
      object: one.index,
      part: null,
    })),
    ...(own.constraints ?? []).map((one) => ({
      kind: 'constraint',
      schema: one.schema,
      object: one.table,
      part: one.constraint,
    })),
    ...(own.statistics ?? []).map((one) => ({
      kind: 'statistics',
      schema: one.schema,
      object: one.statistics,
      part: null,
    })),
  ];
  return new Set(things.map(nameOf));
}
