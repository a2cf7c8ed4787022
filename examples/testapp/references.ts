import type { ClientBase } from 'pg';

/**
 * How a row is known without its key, for tables that have no `reference`: one text, as distinct as can be had.
 * Tables that are not named here have a column of that name.
 */
const identities: Record<string, string> = {
  lookup_types: 't.name',
  lookup_values: 't.code',
  configurations: 't.config_key',
  roles: 't.name',
  permissions: 't.name',
  role_permissions: `''`,
  user_preferences: `t.theme || t.updated_at`,
  sessions: 't.token',
  report_attributes: `t.name || t.created_at`,
  data_sources: 't.name',
  test_cases: 't.title',
  test_executions: `t.attempt::text || t.created_at`,
  test_results: `t.outcome || t.details || t.created_at`,
  sample_sets: `t.method || t.created_at`,
  samples: `t.value || t.created_at`,
  rfi_requests: 't.question',
  rfi_responses: 't.answer',
  documents: 't.title',
  'archive.documents': 't.title',
  data_profiles: 't.created_at::text',
  profiling_rules: 't.expression',
  profiling_results: `t.rows_seen::text || t.rows_bad || t.created_at`,
  '"Order"': 't."select"',
  regulatory_submission_acknowledgement_evidence_by_cycle_reports: 't.evidence',
  legal_holds: 't.reason',
};

/** A reference of the schema as it was before any phase: columns of a child, the parent they lead to, and its columns. */
export interface KnownReference {
  child: string;
  columns: string[];
  parent: string;
  parentColumns: string[];
}

/** Every declared reference, and the one that the plan declares. Ask before the first phase: afterwards there are more. */
export async function knownReferences(client: ClientBase): Promise<KnownReference[]> {
  const { rows } = await client.query<KnownReference>(
    `select c.conrelid::regclass::text as child, c.confrelid::regclass::text as parent,
            array_agg(a.attname::text order by k.n) as columns, array_agg(b.attname::text order by k.n) as "parentColumns"
     from pg_constraint c, unnest(c.conkey, c.confkey) with ordinality k(x, y, n), pg_attribute a, pg_attribute b
     where c.contype = 'f' and c.connamespace in ('public'::regnamespace, 'archive'::regnamespace)
       and (a.attrelid, a.attnum) = (c.conrelid, k.x) and (b.attrelid, b.attnum) = (c.confrelid, k.y)
     group by c.oid order by 1, c.conname`,
  );
  return [
    ...rows,
    { child: 'llm_audit_logs', columns: ['actor_id'], parent: 'users', parentColumns: ['user_id'] },
  ];
}

/**
 * For each reference: how many rows have it, how many of these lead nowhere, and a number that changes as soon as one
 * leads to another row than before. Compares across cutovers: keys play no part. Nobody may write meanwhile.
 * The adopted key and the pair that cleanup may drop are found where they are then.
 */
export async function referenceDigests(
  client: ClientBase,
  references: KnownReference[],
): Promise<Record<string, { given: number; nowhere: number; digest: string }>> {
  const { rows: found } = await client.query<{ name: string }>(
    `select attrelid::regclass::text || '.' || attname as name from pg_attribute where attnum > 0 and not attisdropped
     and attrelid in (select oid from pg_class where relnamespace in ('public'::regnamespace, 'archive'::regnamespace))`,
  );
  const columns = new Set(found.map((row) => row.name));
  const digests: Record<string, { given: number; nowhere: number; digest: string }> = {};
  for (const reference of references) {
    const { child, parent } = reference;
    const joined = whereTheyAre(reference, columns);
    const child_ = identityOf(child, 't');
    const parent_ = identityOf(parent, 'p');
    const given = joined.map(([column]) => `t."${column}" is not null`).join(' and ');
    const on = joined.map(([column, key]) => `p."${key}" = t."${column}"`).join(' and ');
    const { rows } = await client.query(
      `select count(*)::int as given, (count(*) filter (where p is null))::int as nowhere,
              coalesce(sum(hashtextextended(${child_} || '>' || ${parent_}, 0)::numeric), 0)::text as digest
       from ${child} t left join ${parent} p on ${on} where ${given}`,
    );
    digests[`${child} (${reference.columns.join(', ')}) -> ${parent}`] = rows[0];
  }
  return digests;
}

function identityOf(table: string, alias: string): string {
  return `coalesce(${(identities[table] ?? 't.reference').replaceAll('t.', `${alias}.`)}, '')`;
}

/** Pairs of child's and parent's column, by the names they have now. */
function whereTheyAre(
  { child, parent, columns, parentColumns }: KnownReference,
  there: Set<string>,
): [string, string][] {
  const has = (table: string, column: string) =>
    there.has(`${table}.${column}`) || there.has(`${table}."${column}"`);
  if (parent === 'cycle_reports' && !columns.every((column) => has(child, column)))
    return [['cycle_report_id', 'id']];
  return columns.map((column, i) => [
    has(child, column) ? column : 'id',
    has(parent, parentColumns[i] as string) ? (parentColumns[i] as string) : 'id',
  ]);
}
