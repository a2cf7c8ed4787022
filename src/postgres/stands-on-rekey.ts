import { RekeyError } from '../errors.js';
import type { Session } from './session.js';

/** Of what DROP SCHEMA ... CASCADE would take along, the objects that lie elsewhere: `view public.v`. PostgreSQL 14 and newer. */
const dependents = `
with own as (
  select 'pg_catalog.pg_class'::regclass::oid as kind, oid from pg_catalog.pg_class where relnamespace = 'rekey'::regnamespace
  union all select 'pg_catalog.pg_proc'::regclass, oid from pg_catalog.pg_proc where pronamespace = 'rekey'::regnamespace
  union all select 'pg_catalog.pg_type'::regclass, oid from pg_catalog.pg_type where typnamespace = 'rekey'::regnamespace)
select distinct
  case when r.oid is not null then pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, r.ev_class, 0)
    else pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) end as what,
  d.classid in ('pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_trigger'::regclass) as "mayBeOurs"
from own join pg_catalog.pg_depend d on d.refclassid = own.kind and d.refobjid = own.oid and d.deptype = 'n'
left join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
left join pg_catalog.pg_attrdef a on d.classid = 'pg_catalog.pg_attrdef'::regclass and a.oid = d.objid
left join pg_catalog.pg_constraint k on d.classid = 'pg_catalog.pg_constraint'::regclass and k.oid = d.objid
left join pg_catalog.pg_trigger t on d.classid = 'pg_catalog.pg_trigger'::regclass and t.oid = d.objid
left join pg_catalog.pg_policy p on d.classid = 'pg_catalog.pg_policy'::regclass and p.oid = d.objid
left join pg_catalog.pg_class c on c.oid = coalesce(r.ev_class, a.adrelid, nullif(k.conrelid, 0), t.tgrelid, p.polrelid,
  case when d.classid = 'pg_catalog.pg_class'::regclass then d.objid end)
left join pg_catalog.pg_proc f on d.classid = 'pg_catalog.pg_proc'::regclass and f.oid = d.objid
left join pg_catalog.pg_type y on d.classid = 'pg_catalog.pg_type'::regclass and y.oid = d.objid
where coalesce(c.relnamespace, f.pronamespace, y.typnamespace, 0) <> 'rekey'::regnamespace
order by 1`;

/**
 * `phases`: some still stand, whose defaults and sync triggers stand on the schema, too, and go before it does.
 * Applications may call rekey.new_key and rekey.old_key: what stands on them must not go with the schema unasked.
 * Throws StepFailed `foundation.in-use`. Locks: none.
 */
export async function refuseWhatStandsOnRekey(session: Session, phases: 'stand' | 'are gone'): Promise<void> {
  const all = await session.query<{ what: string; mayBeOurs: boolean }>(dependents);
  const found = all.filter(({ mayBeOurs }) => phases === 'are gone' || !mayBeOurs);
  if (found.length === 0) return;
  const shown = found.slice(0, 10).map(({ what }) => what);
  const more = found.length > shown.length ? ` and ${found.length - shown.length} more` : '';
  throw new RekeyError('StepFailed', {
    code: 'foundation.in-use',
    message: `dropping the schema rekey would drop what stands on it: ${shown.join(', ')}${more}`,
    remedy:
      'Drop or change these objects, or leave the schema: it costs nothing but its room. Then try again.',
  });
}
