/**
 * All that hangs on the tables $1 (oids), one row a thing: `kind`, `schema`, `object` and `part` say what it is, `how`
 * how it is. One query, so that
 * it is of one snapshot; the catalog's own deparsers, so that two equal definitions are equal texts. What Rekey keeps
 * in its own schema does not count, nor do triggers that run a function of it.
 */
export const fingerprintQuery = `
with recursive target as (
  select c.oid, c.relname, n.nspname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = any ($1::oid[])
),
reader as (
  select distinct v.oid
  from target t
  join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.classid = 'pg_rewrite'::regclass
  join pg_catalog.pg_rewrite w on w.oid = d.objid
  join pg_catalog.pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm')
  union
  select v.oid
  from reader r
  join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = r.oid and d.classid = 'pg_rewrite'::regclass
  join pg_catalog.pg_rewrite w on w.oid = d.objid
  join pg_catalog.pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm')
  where v.oid <> r.oid
),
thing as (
  select 'table' as kind, t.nspname as schema, t.relname as object, null::name as part,
    pg_catalog.jsonb_build_array(c.relkind, c.relpersistence, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity,
      c.relreplident, c.reloptions, c.relacl::text, pg_catalog.obj_description(c.oid, 'pg_class'),
      case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end,
      pg_catalog.pg_get_expr(c.relpartbound, c.oid)) as how
  from target t join pg_catalog.pg_class c on c.oid = t.oid
  union all
  select 'column', t.nspname, t.relname, a.attname,
    pg_catalog.jsonb_build_array(pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
      pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation, a.attacl::text,
      pg_catalog.col_description(t.oid, a.attnum))
  from target t join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  union all
  select 'index', t.nspname, c.relname, null,
    pg_catalog.jsonb_build_array(pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident, i.indisclustered)
  from target t join pg_catalog.pg_index i on i.indrelid = t.oid join pg_catalog.pg_class c on c.oid = i.indexrelid
  union all
  select 'constraint', n.nspname, c.relname, k.conname,
    pg_catalog.jsonb_build_array(pg_catalog.pg_get_constraintdef(k.oid), k.convalidated)
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where k.conrelid <> 0 and k.conparentid = 0 and (k.conrelid in (select oid from target) or k.confrelid in (select oid from target))
  union all
  select 'trigger', t.nspname, t.relname, g.tgname,
    pg_catalog.jsonb_build_array(pg_catalog.pg_get_triggerdef(g.oid), g.tgenabled)
  from target t join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  join pg_catalog.pg_proc f on f.oid = g.tgfoid
  where f.pronamespace <> coalesce(pg_catalog.to_regnamespace('rekey')::oid, 0)
  union all
  select 'policy', t.nspname, t.relname, p.polname,
    pg_catalog.jsonb_build_array(p.polcmd, p.polpermissive, p.polroles::regrole[]::text,
      pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
  from target t join pg_catalog.pg_policy p on p.polrelid = t.oid
  union all
  select 'rule', t.nspname, t.relname, w.rulename,
    pg_catalog.jsonb_build_array(pg_catalog.pg_get_ruledef(w.oid), w.ev_enabled)
  from target t join pg_catalog.pg_rewrite w on w.ev_class = t.oid
  union all
  select 'statistics', n.nspname, s.stxname, null,
    pg_catalog.jsonb_build_array(pg_catalog.pg_get_statisticsobjdef(s.oid))
  from target t join pg_catalog.pg_statistic_ext s on s.stxrelid = t.oid join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
  union all
  select 'view', n.nspname, v.relname, null,
    pg_catalog.jsonb_build_array(v.relkind, v.relowner::regrole, v.reloptions, v.relacl::text, pg_catalog.pg_get_viewdef(v.oid))
  from reader r join pg_catalog.pg_class v on v.oid = r.oid join pg_catalog.pg_namespace n on n.oid = v.relnamespace
  union all
  select distinct 'function', n.nspname, f.proname, ('(' || pg_catalog.pg_get_function_identity_arguments(f.oid) || ')')::name, pg_catalog.jsonb_build_array(pg_catalog.pg_get_functiondef(f.oid))
  from target t
  join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.classid = 'pg_proc'::regclass
  join pg_catalog.pg_proc f on f.oid = d.objid and f.prokind in ('f', 'p')
  join pg_catalog.pg_namespace n on n.oid = f.pronamespace
  where f.pronamespace <> coalesce(pg_catalog.to_regnamespace('rekey')::oid, 0)
  union all
  select 'publication', t.nspname, t.relname, p.pubname, pg_catalog.to_jsonb(r) - 'oid' - 'prpubid' - 'prrelid'
  from target t join pg_catalog.pg_publication_rel r on r.prrelid = t.oid join pg_catalog.pg_publication p on p.oid = r.prpubid
  union all
  select 'publication', t.nspname, t.relname, p.pubname, pg_catalog.jsonb_build_object('schema', v.schemaname)
  from target t join pg_catalog.pg_publication_tables v on v.schemaname = t.nspname and v.tablename = t.relname
  join pg_catalog.pg_publication p on p.pubname = v.pubname and not p.puballtables
  where not exists (select from pg_catalog.pg_publication_rel r where r.prpubid = p.oid and r.prrelid = t.oid)
  union all
  select 'publication', '*', '*', p.pubname, pg_catalog.to_jsonb(p) - 'oid'
  from pg_catalog.pg_publication p where p.puballtables
  union all
  select 'child', t.nspname, t.relname, i.inhrelid::regclass::text::name, pg_catalog.jsonb_build_array(i.inhseqno)
  from target t join pg_catalog.pg_inherits i on i.inhparent = t.oid
  union all
  select 'parent', t.nspname, t.relname, i.inhparent::regclass::text::name, pg_catalog.jsonb_build_array(i.inhseqno)
  from target t join pg_catalog.pg_inherits i on i.inhrelid = t.oid
)
select kind, schema, object, part, how::text as how from thing`;
