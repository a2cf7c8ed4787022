import type { ObjectKind } from '../catalog/kind.js';
import type { CatalogObject } from '../catalog/model.js';

/** An object of a kind that is read, so that it is found, but not carried over yet. */
export interface RefusedObject extends CatalogObject {
  /** as the operator would call it: `view report_list` */
  called: string;
}

/**
 * A kind that has no twin and is not re-bound yet: every object of it that names a member is the hazard
 * `not-carried-over-yet`, rank stop, which no `accept` lifts.
 */
export function refusedKind(kind: string, query: ObjectKind['query']): ObjectKind<RefusedObject> {
  return {
    kind,
    query,
    plan: (object) => ({
      hazard: 'not-carried-over-yet',
      rank: 'stop',
      on: asInPlan(object.called),
      message: `${asInPlan(object.called)} names ${[...new Set(object.names.map((c) => `${c.table}.${c.column}`))].join(', ')}, and is not carried over yet`,
      remedy: `drop the ${kind} before the phase and create it again afterwards, or leave the table out of the plan`,
    }),
    original: () => null,
    definition: (object) => object.called,
  };
}

/** PostgreSQL qualifies what is not on the search_path; plans leave `public` away. */
function asInPlan(called: string): string {
  return called.replace(/(^| )public\./g, '$1');
}

/** Columns of table `t` that an object of class `class` with oid `oid` names; a reference to the whole row names all of them. */
export function namedColumns(objectClass: string, oid: string): string {
  return `(select coalesce(pg_catalog.json_agg(distinct a.attname), '[]'::json) from pg_catalog.pg_depend d
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and (a.attnum = d.refobjsubid or d.refobjsubid = 0)
    where d.classid = 'pg_catalog.${objectClass}'::regclass and d.objid = ${oid} and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid
      and d.deptype in ('n', 'a'))`;
}
