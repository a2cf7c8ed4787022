import { type FingerprintDifference, nameOf } from './fingerprint.js';
import type { Session } from './session.js';

/** A key or reference of the phase: the names that its column has before and after the cutover, and beside it. */
export interface MovedColumn {
  schema: string;
  table: string;
  names: readonly string[];
}

/**
 * What may come, change or go on a table of a phase while it waits: a cutover renames columns and swaps what stands on
 * them, so that all that names none of them stays as it is. What is not in this list is looked at by a person.
 */
const along = {
  /** appeared only: the validation after the cutover asks for all that preflight saw */
  forward: ['column', 'index', 'constraint', 'policy', 'statistics', 'view'],
  back: ['column', 'index', 'constraint', 'policy', 'statistics', 'view', 'trigger'],
};

export interface Judged {
  /** goes along, whichever way the keys are swapped */
  along: string[];
  /** null where nothing is left that stands in the way */
  refused: FingerprintDifference | null;
}

/**
 * Tells what others did that names no key or reference of the phase from what does. `texts`: the lines of both
 * fingerprints, whose definitions are read for the names. Locks: none on tables.
 */
export async function judgeDifference(
  session: Session,
  difference: FingerprintDifference,
  columns: readonly MovedColumn[],
  texts: readonly string[],
  direction: 'forward' | 'back',
): Promise<Judged> {
  const dependent = await dependentOn(session, columns);
  const sources = await functionsBehind(session, columns);
  const names = new Set(columns.flatMap((c) => c.names));
  const reserved = new Set(
    columns.flatMap((c) =>
      c.names.map((part) => nameOf({ kind: 'column', schema: c.schema, object: c.table, part })),
    ),
  );
  const mayGoAlong = (name: string): boolean => {
    const kind = name.slice(0, name.indexOf(' '));
    if (!along[direction].includes(kind) || reserved.has(name) || dependent.has(name)) return false;
    const defined = texts
      .filter((line) => line.startsWith(`${name}: `))
      .map((line) => line.slice(name.length + 2));
    return [...defined, ...(sources.get(name) ?? [])].every((text) => !mentions(text, names));
  };
  const appeared = difference.appeared.filter((name) => !mayGoAlong(name));
  // what is gone or changed has to be as preflight saw it for the validation that follows a cutover
  const stays = (list: string[]) =>
    list.filter((name) => !isTuned(name, texts) && (direction === 'forward' || !mayGoAlong(name)));
  const refused = { appeared, gone: stays(difference.gone), changed: stays(difference.changed) };
  const all = [...difference.appeared, ...difference.gone, ...difference.changed];
  const left = new Set([...refused.appeared, ...refused.gone, ...refused.changed]);
  return { along: all.filter((name) => !left.has(name)), refused: left.size > 0 ? refused : null };
}

/** Storage parameters of a table are the operator's, at any time. */
function isTuned(name: string, texts: readonly string[]): boolean {
  if (!name.startsWith('table ')) return false;
  const without = texts
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => (JSON.parse(line.slice(name.length + 2)) as unknown[]).with(storageParameters, null));
  return without.length === 2 && JSON.stringify(without[0]) === JSON.stringify(without[1]);
}

/** Where they stand among what a fingerprint says of a table. */
const storageParameters = 6;

/** Whole words: a definition is PostgreSQL's own text, so that a name in it is a name or a word of a constant. */
function mentions(text: string, names: ReadonlySet<string>): boolean {
  return (text.match(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? []).some((word) => names.has(word));
}

/** What PostgreSQL knows to stand on these columns, or on the whole row: names as in a fingerprint. */
async function dependentOn(session: Session, columns: readonly MovedColumn[]): Promise<Set<string>> {
  const wanted = columns.flatMap((c) =>
    c.names.map((column) => ({ schema: c.schema, name: c.table, column })),
  );
  const rows = await session.query<Parameters<typeof nameOf>[0]>(
    `with member as (
       select a.attrelid, a.attnum from pg_catalog.json_to_recordset($1::json) as w(schema text, name text, "column" text)
       join pg_catalog.pg_namespace n on n.nspname = w.schema
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w.name
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = w."column" and not a.attisdropped),
     dep as (
       select distinct d.classid, d.objid from pg_catalog.pg_depend d join member m on d.refobjid = m.attrelid
       where d.refclassid = 'pg_catalog.pg_class'::regclass
         and (d.refobjsubid = m.attnum or d.refobjsubid = 0 and d.classid = 'pg_catalog.pg_rewrite'::regclass))
     select 'index' as kind, n.nspname as schema, c.relname as object, null::name as part from dep
       join pg_catalog.pg_class c on dep.classid = 'pg_catalog.pg_class'::regclass and c.oid = dep.objid and c.relkind in ('i', 'I')
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     union all
     select 'view', n.nspname, c.relname, null from dep
       join pg_catalog.pg_rewrite w on dep.classid = 'pg_catalog.pg_rewrite'::regclass and w.oid = dep.objid
       join pg_catalog.pg_class c on c.oid = w.ev_class join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     union all
     select 'statistics', n.nspname, s.stxname, null from dep
       join pg_catalog.pg_statistic_ext s on dep.classid = 'pg_catalog.pg_statistic_ext'::regclass and s.oid = dep.objid
       join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
     union all
     select p.kind, n.nspname, c.relname, p.part from dep
       join (
         select 'constraint' as kind, 'pg_catalog.pg_constraint'::regclass as classid, k.oid, k.conrelid as relid, k.conname as part from pg_catalog.pg_constraint k
         union all select 'trigger', 'pg_catalog.pg_trigger'::regclass, g.oid, g.tgrelid, g.tgname from pg_catalog.pg_trigger g
         union all select 'policy', 'pg_catalog.pg_policy'::regclass, p.oid, p.polrelid, p.polname from pg_catalog.pg_policy p
         union all select 'column', 'pg_catalog.pg_attrdef'::regclass, f.oid, f.adrelid, a.attname from pg_catalog.pg_attrdef f
           join pg_catalog.pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
       ) p on p.classid = dep.classid and p.oid = dep.objid
       join pg_catalog.pg_class c on c.oid = p.relid join pg_catalog.pg_namespace n on n.oid = c.relnamespace`,
    [JSON.stringify(wanted)],
  );
  return new Set(rows.map(nameOf));
}

/**
 * The sources of the functions that triggers, policies, checks and defaults of these tables run, by the name that a
 * fingerprint gives these: what is made while keys are UUIDs and counts on them would fail at every write after a way back.
 */
async function functionsBehind(
  session: Session,
  columns: readonly MovedColumn[],
): Promise<Map<string, string[]>> {
  const tables = columns.map((c) => ({ schema: c.schema, name: c.table }));
  const rows = await session.query<Parameters<typeof nameOf>[0] & { source: string }>(
    `with target as (
       select distinct c.oid from pg_catalog.json_to_recordset($1::json) as w(schema text, name text)
       join pg_catalog.pg_namespace n on n.nspname = w.schema
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w.name),
     thing as (
       select 'trigger' as kind, 'pg_catalog.pg_trigger'::regclass as classid, g.oid, g.tgrelid as relid, g.tgname as part from pg_catalog.pg_trigger g
         where not g.tgisinternal
       union all select 'constraint', 'pg_catalog.pg_constraint'::regclass, k.oid, k.conrelid, k.conname from pg_catalog.pg_constraint k
       union all select 'policy', 'pg_catalog.pg_policy'::regclass, p.oid, p.polrelid, p.polname from pg_catalog.pg_policy p
       union all select 'column', 'pg_catalog.pg_attrdef'::regclass, f.oid, f.adrelid, a.attname from pg_catalog.pg_attrdef f
         join pg_catalog.pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum)
     select thing.kind, n.nspname as schema, c.relname as object, thing.part,
       coalesce(pg_catalog.pg_get_function_sqlbody(f.oid), f.prosrc) as source
     from thing join target on target.oid = thing.relid
     join pg_catalog.pg_depend d on d.classid = thing.classid and d.objid = thing.oid and d.refclassid = 'pg_catalog.pg_proc'::regclass
     join pg_catalog.pg_proc f on f.oid = d.refobjid
     join pg_catalog.pg_namespace s on s.oid = f.pronamespace and s.nspname not in ('pg_catalog', 'rekey')
     join pg_catalog.pg_class c on c.oid = thing.relid join pg_catalog.pg_namespace n on n.oid = c.relnamespace`,
    [JSON.stringify(tables)],
  );
  const found = new Map<string, string[]>();
  for (const row of rows) found.set(nameOf(row), [...(found.get(nameOf(row)) ?? []), row.source]);
  return found;
}

const setting = (phase: string) => `others ${phase}`;

/**
 * Keeps the names of what others did on a phase's tables since preflight: a rollback gives back the bytes of before but for
 * these. In the caller's transaction, where it has one.
 */
export async function keepOthers(session: Session, phase: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const all = [...new Set([...(await readOthers(session, phase)), ...names])].sort();
  await session.execute(
    'insert into rekey.setting (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
    [setting(phase), JSON.stringify(all)],
  );
}

export async function readOthers(session: Session, phase: string): Promise<string[]> {
  const [row] = await session.query<{ value: string }>('select value from rekey.setting where name = $1', [
    setting(phase),
  ]);
  return row ? (JSON.parse(row.value) as string[]) : [];
}

export async function forgetOthers(session: Session, phase: string): Promise<void> {
  await session.execute('delete from rekey.setting where name = $1', [setting(phase)]);
}
