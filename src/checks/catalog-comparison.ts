import type { AnyKind, View } from '../catalog/kind.js';
import type { Catalog, CatalogObject, Table } from '../catalog/model.js';
import type { ColumnAttributes } from '../kinds/column-attributes.js';
import type { IndexShape } from '../kinds/index-shape.js';
import type { TableId } from '../plan/model.js';
import { at } from '../substitution/live-keys.js';
import { mergeAttributes } from '../substitution/merge-attributes.js';
import { surrogateObjects } from '../substitution/surrogate-objects.js';
import type { PhaseView } from '../substitution/view.js';

/**
 * What a catalog is compared with. `twins`: before the cutover, every object that names a member has its twin on the
 * shadows. `after`: catalog(after) = substitute(catalog(before)). `same`: after a rollback, nothing has changed.
 */
export type Expected = 'twins' | 'after' | 'same';

export interface Difference {
  /** the object, as `index users.idx_users_lob` */
  on: string;
  /** `missing`: not there, or not what it must be; `unexpected`: there, and nothing that was there before explains it */
  what: 'missing' | 'unexpected';
  definition: string;
}

/** For the trial's copies, which have the members' objects only, and these without comments. */
export interface Scope {
  touched?: boolean;
  withoutComments?: boolean;
}

interface Line {
  on: string;
  text: string;
}

/**
 * Compares what the catalog of `view` (read before the phase) becomes with `now`, for all that stands on the phase's
 * tables or names one of them. Pure.
 */
export function compareCatalog(
  view: PhaseView,
  kinds: AnyKind[],
  now: Catalog,
  expected: Expected,
  scope: Scope = {},
): Difference[] {
  const wanted = [
    ...wantedObjects(view, kinds, expected, scope),
    ...(expected === 'twins' ? [] : columns(view, view.catalog.tables, expected, 'before')),
  ];
  const present = [
    ...presentObjects(view, kinds, now, expected, scope),
    ...(expected === 'twins' ? [] : columns(view, now.tables, expected, 'now')),
  ];
  return [
    ...minus(wanted, present, 'missing'),
    ...(expected === 'twins' ? withoutTwin(view, now) : minus(present, wanted, 'unexpected')),
  ];
}

/** What keeps the database from being what it must be; the rest was added by somebody and is none of our business. */
export function isFailure(
  view: PhaseView,
  made: string[],
  expected: Expected,
  difference: Difference,
): boolean {
  if (difference.what === 'missing') return true;
  if (expected === 'after') return false;
  const isCalled = (name: string | null) => name !== null && difference.on.endsWith(`.${name}`);
  if (expected === 'twins') return !made.some(isCalled);
  return (
    made.some(isCalled) || view.substitution.members.some((m) => isCalled(m.shadow) || isCalled(m.legacy))
  );
}

function wantedObjects(view: PhaseView, kinds: AnyKind[], expected: Expected, scope: Scope): Line[] {
  const asked: View =
    expected === 'twins'
      ? withMembers(view, (m) => ({ ...m, after: m.shadow }))
      : expected === 'same'
        ? plain(view)
        : view;
  const lines: Line[] = [];
  const place = (o: ColumnAttributes) => at(o.table, view.member(o.table, o.column)?.after ?? o.column);
  const objects = expected === 'same' ? view.catalog.objects : mergeAttributes(view.catalog.objects, place);
  for (const object of objects) {
    if (!inScope(view, object) || namesAny(object, earlier(view))) continue;
    const member = object.names.some((c) => view.member(c.table, c.column) !== undefined);
    if ((scope.touched || expected === 'twins') && !member) continue;
    if (expected !== 'same' && view.isDuplicate(object.id)) continue;
    const line = lineOf(kinds, object, asked, 'before', expected, scope);
    if (line) lines.push(line);
  }
  if (expected === 'same') return lines;
  const added = surrogateObjects(view, expected === 'twins' ? 'shadow' : 'after');
  return [...lines, ...added.map((o) => lineOf(kinds, o, plain(view), 'after', expected, scope) as Line)];
}

/** What somebody made on integers since preflight has no twin, and the cutover would leave it behind. */
function withoutTwin(view: PhaseView, now: Catalog): Difference[] {
  const known = new Set(view.catalog.objects.map((o) => o.id));
  return now.objects
    .filter(
      (o) =>
        !known.has(o.id) &&
        !/^[!~]rekey_/.test(o.name) &&
        o.names.some((c) => view.member(c.table, c.column) !== undefined),
    )
    .map((o) => ({ on: `${o.kind} ${o.table}.${o.name}`, what: 'unexpected', definition: o.id }));
}

function presentObjects(
  view: PhaseView,
  kinds: AnyKind[],
  now: Catalog,
  expected: Expected,
  scope: Scope,
): Line[] {
  const old = earlier(view);
  if (expected === 'after')
    for (const m of view.substitution.members) if (m.legacy !== null) old.add(at(m.table, m.legacy));
  return now.objects
    .filter((o) => inScope(view, o) && !namesAny(o, old))
    .flatMap((o) => lineOf(kinds, o, plain(view), 'after', expected, scope) ?? []);
}

/** One object as text. A twin's name is its own, and so are comments that the cutover gives back; then both must be the old ones. */
function lineOf(
  kinds: AnyKind[],
  object: CatalogObject,
  view: View,
  moment: 'before' | 'after',
  expected: Expected,
  scope: Scope,
): Line | null {
  const twin = expected === 'twins' && object.kind === 'unique-key';
  const kind = kinds.find((k) => k.kind === (twin ? 'index' : object.kind));
  const definition = kind?.definition(expected === 'twins' ? asTwin(object) : object, view, moment);
  if (definition === null || definition === undefined) return null;
  const full = expected !== 'twins';
  const surrogate =
    moment === 'before' && (object as { primary?: boolean }).primary
      ? view.surrogateUnique(object.table as TableId)
      : undefined;
  const parts = [
    kind?.kind,
    object.table,
    full && hasNameOfItsOwn(object) ? (surrogate ?? object.name) : '',
    definition,
    (object as { valid?: boolean }).valid === false ? 'not valid' : '',
    full && !scope.withoutComments ? details(object) : '',
  ];
  return { on: `${object.kind} ${object.table}.${object.name}`, text: unquoted(parts.join(' | ')) };
}

/** The twin of a foreign key that may be deferred is, until the cutover. */
function asTwin(object: CatalogObject): CatalogObject {
  const { kind, deferrable } = object as { kind: string; deferrable?: boolean };
  return kind === 'foreign-key' ? ({ ...object, deferred: deferrable } as CatalogObject) : object;
}

/** Those of columns are called by their column, which the definition has. */
function hasNameOfItsOwn(object: CatalogObject): boolean {
  if (object.kind === 'not-null') return (object as unknown as { hasName: boolean }).hasName;
  return object.kind !== 'default' && object.kind !== 'column-attributes';
}

function details(object: CatalogObject): string {
  const { comment, indexComment, shape, target } = object as {
    comment?: string | null;
    indexComment?: string | null;
    shape?: IndexShape;
    target?: number | null;
  };
  const parts = [comment, indexComment, target, shape?.clustered, shape?.replicaIdentity];
  const targets = shape?.keys.map((k) => k.statisticsTarget) ?? [];
  return object.kind === 'column-attributes'
    ? ''
    : JSON.stringify([...parts.map((p) => p ?? null), ...targets]);
}

/** Tables and their columns: a member is a UUID under its name, and what it was stands beside it. */
function columns(view: PhaseView, tables: Table[], expected: Expected, side: 'before' | 'now'): Line[] {
  const { members } = view.substitution;
  return tables.flatMap((table) => {
    if (!view.substitution.tables.includes(table.id)) return [];
    const lines: Line[] = [
      {
        on: `table ${table.id}`,
        text: `table | ${table.id} | ${table.owner} ${table.kind} ${table.persistence} ${table.rowSecurity} ${table.forceRowSecurity}`,
      },
    ];
    const line = (name: string, what: string) =>
      lines.push({ on: `column ${table.id}.${name}`, text: `column | ${table.id} | ${name} | ${what}` });
    for (const column of table.columns) {
      const member = side === 'before' ? view.member(table.id, column.name) : undefined;
      const what = `${column.type} ${column.identity} ${column.generated}`;
      line(expected === 'after' ? (member?.legacy ?? column.name) : column.name, what);
    }
    if (side === 'before' && expected === 'after') {
      const added = new Set(members.filter((m) => m.table === table.id).map((m) => m.after));
      for (const name of added) line(name, 'uuid null null');
    }
    return lines;
  });
}

function minus(from: Line[], what: Line[], as: Difference['what']): Difference[] {
  const left = new Map<string, number>();
  for (const { text } of what) left.set(text, (left.get(text) ?? 0) + 1);
  return from.flatMap(({ on, text }) => {
    const n = left.get(text) ?? 0;
    if (n === 0) return [{ on, what: as, definition: text }];
    left.set(text, n - 1);
    return [];
  });
}

function inScope(view: PhaseView, object: CatalogObject): boolean {
  const { tables } = view.substitution;
  return (
    (object.table !== null && tables.includes(object.table)) ||
    object.names.some((c) => tables.includes(c.table))
  );
}

function namesAny(object: CatalogObject, columns: Set<string>): boolean {
  return object.names.some((c) => columns.has(at(c.table, c.column)));
}

function earlier(view: PhaseView): Set<string> {
  return new Set(view.substitution.legacyColumns.map((c) => at(c.table, c.column)));
}

type MemberMap = (member: NonNullable<ReturnType<View['member']>>) => ReturnType<View['member']>;

function withMembers(view: View, map: MemberMap): View {
  return {
    version: view.version,
    sqlTable: (id) => view.sqlTable(id),
    schemaOf: (id) => view.schemaOf(id),
    nameOf: (id) => view.nameOf(id),
    member: (table, column) => {
      const found = view.member(table, column);
      return found && map(found);
    },
    twinName: (original, schema) => view.twinName(original, schema),
    legacyName: (original, schema) => view.legacyName(original, schema),
    constraintTwin: (table, original) => view.constraintTwin(table, original),
    isDuplicate: () => false,
    surrogateUnique: (table) => (map === none ? undefined : view.surrogateUnique(table)),
    defaultStatement: (table, column, expression) => view.defaultStatement(table, column, expression),
  };
}

const none: MemberMap = () => undefined;

/** A view in which nothing is substituted: what stands in a catalog is what it is. */
function plain(view: View): View {
  return withMembers(view, none);
}

/** Quotes around a plain name say nothing; a substituted name has them, one that PostgreSQL deparsed has not. */
function unquoted(text: string): string {
  return text.replace(/"([a-z_][a-z0-9_$]*)"/g, '$1');
}
