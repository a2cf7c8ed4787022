import { RekeyError } from '../src/errors.js';
import type { Session } from '../src/postgres/session.js';
import type { PhaseView } from '../src/substitution/view.js';
import { tablesRenamed } from './names-gone.js';
import type { PhaseWork } from './phase-work.js';

/**
 * What others have built on shadows: DROP COLUMN refuses while it stands, and would leave a rollback in its middle. What goes
 * with its column (indexes, checks, statistics) does not count, nor do Rekey's own foreign keys. Locks: none on tables.
 */
export async function standsOnShadows(session: Session, view: PhaseView): Promise<string[]> {
  const shadows = view.substitution.members.map((m) => ({
    schema: view.schemaOf(m.table),
    name: view.nameOf(m.table),
    shadow: m.shadow,
  }));
  const rows = await session.query<{ what: string }>(
    `with shadow as (
       select a.attrelid, a.attnum from pg_catalog.json_to_recordset($1::json) as w(schema text, name text, shadow text)
       join pg_catalog.pg_namespace n on n.nspname = w.schema
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w.name
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = w.shadow and not a.attisdropped),
     dep as (
       select d.classid, d.objid, d.objsubid from pg_catalog.pg_depend d
       join shadow s on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = s.attrelid and d.refobjsubid = s.attnum
       group by 1, 2, 3 having pg_catalog.bool_and(d.deptype = 'n'))
     select distinct case when w.oid is not null then pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, w.ev_class, 0)
       else pg_catalog.pg_describe_object(dep.classid, dep.objid, dep.objsubid) end as what
     from dep
     left join pg_catalog.pg_rewrite w on dep.classid = 'pg_catalog.pg_rewrite'::regclass and w.oid = dep.objid and w.rulename = '_RETURN'
     left join pg_catalog.pg_constraint k on dep.classid = 'pg_catalog.pg_constraint'::regclass and k.oid = dep.objid
     -- a key of Rekey's leads from a shadow to a shadow
     where k.oid is null or not exists (select from shadow s where s.attrelid = k.conrelid and s.attnum = any (k.conkey))
     order by 1`,
    [JSON.stringify(shadows)],
  );
  return rows.map(({ what }) => what);
}

/** Throws SchemaMoved, before a rollback has dropped anything. */
export async function assertNothingStandsOnShadows({ session, view, ref }: PhaseWork): Promise<void> {
  const renamed = await tablesRenamed(session, view);
  if (renamed.length > 0)
    throw new RekeyError('SchemaMoved', {
      code: 'schema.moved',
      message: renamed.join('; '),
      remedy: 'Give it its name back, then resolve with retry.',
      where: ref.phase,
    });
  const found = await standsOnShadows(session, view);
  if (found.length === 0) return;
  throw new RekeyError('SchemaMoved', {
    code: 'schema.moved',
    message: `${inWords(found)} on columns that a rollback drops`,
    remedy: 'Drop what was made since, then resolve with retry.',
    where: ref.phase,
  });
}

export function inWords(found: string[]): string {
  const more = found.length > 5 ? ` and ${found.length - 5} more` : '';
  return `${found.slice(0, 5).join(', ')}${more} ${found.length === 1 ? 'stands' : 'stand'}`;
}
