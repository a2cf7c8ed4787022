import { splitTableId } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { ColumnRef } from '../../plan/model.js';
import type { Database } from '../database.js';

/**
 * What somebody has made on a legacy column, or on a sequence that goes with one: cleanup's drop would fail on it after its
 * first drops, where only forward is left. Locks: none on tables.
 */
export async function legacyInUse(database: Database, legacy: ColumnRef[]): Promise<Hazard[]> {
  const columns = placesOf(legacy);
  const found = await database.query<{ what: string; on: string }>(
    `with legacy as (
       select a.attrelid, a.attnum, c.oid::regclass::text || '.' || pg_catalog.quote_ident(a.attname) as name
       from pg_catalog.json_to_recordset($1::json) as l(schema text, name text, "column" text)
       join pg_catalog.pg_namespace n on n.nspname = l.schema
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = l.name
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = l."column" and not a.attisdropped),
     own as (
       select d.objid as sequence, l.attrelid, l.attnum, l.name from legacy l
       join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = l.attrelid and d.refobjsubid = l.attnum
         and d.classid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
       join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S')
     select distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as what, l.name as "on"
     from legacy l join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = l.attrelid
       and d.refobjsubid = l.attnum and d.deptype = 'n'
     union
     select distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), o.name || ' (its sequence)'
     from own o join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = o.sequence and d.deptype = 'n'
     where not (d.classid = 'pg_catalog.pg_attrdef'::regclass and exists (
       select from pg_catalog.pg_attrdef f where f.oid = d.objid and f.adrelid = o.attrelid and f.adnum = o.attnum))
     order by 2, 1`,
    [JSON.stringify(columns)],
  );
  return found.map(({ what, on }) => ({
    hazard: 'legacy-column-in-use',
    rank: 'stop',
    on,
    message: `${what} needs ${on}, which cleanup drops`,
    remedy: `drop it, or bind it to the new key, before cleanup`,
  }));
}

/**
 * What would go with a legacy column without a word: an index, a check, statistics that somebody has made over it.
 * `made`: names of relations and constraints that are Rekey's own. Locks: none on tables.
 */
export async function legacyStoodOn(
  database: Database,
  legacy: ColumnRef[],
  made: readonly string[],
): Promise<Hazard[]> {
  const found = await database.query<{ what: string; on: string }>(
    `select distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as what,
       a.attrelid::regclass::text || '.' || pg_catalog.quote_ident(a.attname) as "on"
     from pg_catalog.json_to_recordset($1::json) as l(schema text, name text, "column" text)
     join pg_catalog.pg_namespace n on n.nspname = l.schema
     join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = l.name
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = l."column" and not a.attisdropped
     join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = a.attrelid
       and d.refobjsubid = a.attnum and d.deptype = 'a'
     left join pg_catalog.pg_class i on d.classid = 'pg_catalog.pg_class'::regclass and i.oid = d.objid and i.relkind in ('i', 'I')
     left join pg_catalog.pg_constraint k on d.classid = 'pg_catalog.pg_constraint'::regclass and k.oid = d.objid and k.contype <> 'n'
     left join pg_catalog.pg_statistic_ext s on d.classid = 'pg_catalog.pg_statistic_ext'::regclass and s.oid = d.objid
     where coalesce(i.relname, k.conname, s.stxname)::text <> all ($2::text[]) order by 2, 1`,
    [JSON.stringify(placesOf(legacy)), made],
  );
  return found.map(({ what, on }) => ({
    hazard: 'legacy-column-in-use',
    rank: 'stop',
    on,
    message: `${what} stands on ${on}, and would go with it in cleanup`,
    remedy: 'drop it, or make it over the new key, before cleanup',
  }));
}

function placesOf(columns: ColumnRef[]) {
  return columns.map(({ table, column }) => ({ ...splitTableId(table), column }));
}
