/**
 * The schema `rekey` in the target database: the truth about a migration beside the data themselves. Every statement
 * can be run again; what the dry run of `foundation` prints is this text.
 */
export const rekeySchemaVersion = 1;

const tables: string[] = [
  'create schema if not exists rekey',
  `comment on schema rekey is 'State of Rekey: mapping, journal, cursors. Dropped by rolling back foundation, or by hand after cleanup.'`,
  `create table if not exists rekey.setting (
  name text primary key,
  value text not null
)`,
  `create table if not exists rekey.document (
  hash text primary key,
  kind text not null,
  content text not null,
  written_at timestamptz not null default pg_catalog.now()
)`,
  `create table if not exists rekey.owner (
  only_one boolean primary key default true check (only_one),
  plan text not null,
  workflow_id text not null,
  first_run_id text not null,
  run_id text not null,
  namespace text not null,
  cluster_id text not null,
  taken_at timestamptz not null default pg_catalog.now()
)`,
  `create table if not exists rekey.phase (
  phase text primary key,
  plan text not null,
  plan_hash text not null,
  position integer not null,
  kind text not null,
  state text not null check (state in ('open', 'done', 'rolled-back')),
  cut_over boolean not null default false,
  plan_document text references rekey.document,
  catalog_document text references rekey.document,
  fingerprint text,
  wrote_version text not null,
  started_at timestamptz not null default pg_catalog.now(),
  cut_over_at timestamptz,
  finished_at timestamptz
)`,
  `create table if not exists rekey.member (
  phase text not null,
  table_name text not null,
  column_before text,
  shadow text,
  column_after text,
  legacy text,
  role text not null,
  domain text not null,
  state text not null check (state in ('shadow', 'cut-over', 'cleaned'))
)`,
  `create unique index if not exists member_key on rekey.member (phase, table_name, coalesce(shadow, ''), coalesce(column_before, ''))`,
  // it has no key, and a publication of all tables would refuse to have it changed
  `do $$ begin if (select relreplident from pg_catalog.pg_class where oid = 'rekey.member'::regclass) <> 'f' then
  alter table rekey.member replica identity full; end if; end $$`,
  `create table if not exists rekey.journal (
  id bigint generated always as identity primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  phase text,
  step text,
  kind text not null,
  object text,
  statement text,
  duration_ms double precision,
  lock_wait_ms double precision,
  rows bigint,
  sqlstate text,
  detail jsonb,
  workflow_id text,
  run_id text
)`,
  'create index if not exists journal_phase_step on rekey.journal (phase, step, kind, id)',
  `create table if not exists rekey.cursor (
  phase text not null,
  table_name text not null,
  range_no integer not null,
  next_block bigint not null,
  end_block bigint,
  rows_done bigint not null default 0,
  rows_total bigint not null,
  seconds double precision not null default 0,
  skipped bigint[] not null default '{}',
  done boolean not null default false,
  updated_at timestamptz not null default pg_catalog.now(),
  primary key (phase, table_name, range_no)
) with (fillfactor = 50)`,
  `create table if not exists rekey.opening (
  opening bigint generated always as identity primary key,
  phase text not null,
  gate text not null,
  plan_hash text not null,
  parked boolean not null,
  key text not null unique,
  opened_at timestamptz not null default pg_catalog.clock_timestamp(),
  deadline timestamptz,
  closed_at timestamptz,
  outcome text,
  actions text[]
)`,
  'alter table rekey.opening add column if not exists actions text[]',
  // from the clock, so that no number comes again when the schema has been dropped and made anew: an old approval would fit
  `select pg_catalog.setval('rekey.opening_opening_seq', greatest(s.last_value, extract(epoch from pg_catalog.clock_timestamp())::bigint))
   from rekey.opening_opening_seq s where not exists (select from rekey.opening)`,
  `create table if not exists rekey.decision (
  id bigint generated always as identity primary key,
  key text unique,
  opening bigint,
  phase text not null,
  checkpoint text not null,
  decision text not null,
  by text,
  client_identity text,
  principal text,
  reason text,
  checklist jsonb not null default '[]',
  verdict text not null,
  at timestamptz not null default pg_catalog.clock_timestamp()
)`,
  `create table if not exists rekey.flag (
  name text primary key,
  enabled boolean not null default false,
  phase text not null,
  switched_at timestamptz
)`,
  'create or replace view rekey.flags as select name, enabled, switched_at from rekey.flag',
  `create table if not exists rekey.finding (
  id bigint generated always as identity primary key,
  phase text not null,
  step text not null,
  check_name text not null,
  object text,
  count bigint,
  example jsonb,
  at timestamptz not null default pg_catalog.clock_timestamp()
)`,
  `create table if not exists rekey.probe (
  phase text not null,
  probe text not null,
  moment text not null,
  runs integer not null,
  median_ms double precision not null,
  p95_ms double precision not null,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  primary key (phase, probe, moment)
)`,
  `create table if not exists rekey.pause (
  phase text primary key,
  paused boolean not null,
  by text not null,
  at timestamptz not null default pg_catalog.clock_timestamp()
)`,
  `create table if not exists rekey.backup (
  id bigint generated always as identity primary key,
  phase text not null,
  name text not null unique,
  path text,
  format text not null,
  files integer not null,
  bytes bigint not null,
  manifest_sha256 text,
  taken_at timestamptz not null default pg_catalog.clock_timestamp(),
  verified_at timestamptz
)`,
  `create table if not exists rekey.hook (
  phase text not null,
  moment text not null,
  key text not null,
  state text not null check (state in ('running', 'done', 'failed')),
  exit_code integer,
  duration_ms double precision,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  primary key (phase, moment, key)
)`,
  `create table if not exists rekey.uuid_migration_mapping (
  table_name text not null,
  old_id bigint not null,
  new_id uuid not null,
  migrated_at timestamptz not null default pg_catalog.now(),
  primary key (table_name, old_id)
) partition by list (table_name)`,
  'create index if not exists uuid_migration_mapping_new_id on rekey.uuid_migration_mapping (new_id)',
  `create table if not exists rekey.brought_key (
  table_name text not null,
  old_id bigint not null,
  new_id uuid not null,
  primary key (table_name, old_id)
)`,
  `create table if not exists rekey.key_location (
  table_name text primary key,
  schema_name text not null,
  relation_name text not null,
  old_column text,
  new_column text
)`,
];

/**
 * `new_key` and `old_key` are stable, so that indexes serve `where user_id = rekey.new_key('users', 5)`; but a stable
 * function sees the snapshot of its caller's statement, and columns may have been renamed since, by a cutover that the
 * statement waited for. So the place is looked up by a volatile function, and once more where the names have gone.
 */
const functions: string[] = [
  `create or replace function rekey.key_location_now(p_table text) returns rekey.key_location
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $body$
declare
  place rekey.key_location;
begin
  select l.* into place from rekey.key_location l where l.table_name = p_table;
  return place;
end
$body$`,
  keyLookUp({
    name: 'new_key',
    given: 'bigint',
    answer: 'uuid',
    fromMapping:
      'select m.new_id into answer from rekey.uuid_migration_mapping m where m.table_name = p_table and m.old_id = p_key limit 1',
    wanted: 'new_column',
    known: 'old_column',
    cast: '',
  }),
  keyLookUp({
    name: 'old_key',
    given: 'uuid',
    answer: 'bigint',
    fromMapping:
      'select m.old_id into answer from rekey.uuid_migration_mapping m where m.table_name = p_table and m.new_id = p_key limit 1',
    wanted: 'old_column',
    known: 'new_column',
    cast: '::bigint',
  }),
  'revoke all on function rekey.key_location_now(text), rekey.new_key(text, bigint), rekey.old_key(text, uuid) from public',
  `create or replace function rekey.grant_readers(p_roles text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $body$
declare
  reader text;
begin
  foreach reader in array p_roles loop
    reader := case when reader = 'public' then 'public' else format('%I', reader) end;
    execute format('grant usage on schema rekey to %s', reader);
    execute format('grant select on rekey.flags to %s', reader);
    execute format('grant execute on function rekey.new_key(text, bigint), rekey.old_key(text, uuid) to %s', reader);
  end loop;
end
$body$`,
];

function keyLookUp(part: {
  name: string;
  given: string;
  answer: string;
  fromMapping: string;
  wanted: string;
  known: string;
  cast: string;
}): string {
  return `create or replace function rekey.${part.name}(p_table text, p_key ${part.given}) returns ${part.answer}
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set row_security = off as $body$
declare
  answer ${part.answer};
  place rekey.key_location;
begin
  ${part.fromMapping};
  if found then
    return answer;
  end if;
  for attempt in 1..3 loop
    place := rekey.key_location_now(p_table);
    if place.old_column is null or place.new_column is null then
      return null;
    end if;
    begin
      execute format('select %I${part.cast} from %I.%I where %I = $1', place.${part.wanted}, place.schema_name, place.relation_name, place.${part.known})
        into answer using p_key;
      return answer;
    exception
      when undefined_column or undefined_function or undefined_table or datatype_mismatch or cannot_coerce then
        if attempt = 3 then
          raise;
        end if;
    end;
  end loop;
  return null;
end
$body$`;
}

/** Every statement in order; `extra` is for what belongs to key functions, given by those who know of them. */
export function rekeySchemaStatements(extra: readonly string[] = []): string[] {
  return [
    ...tables,
    ...functions,
    ...extra,
    `insert into rekey.setting (name, value) values ('schema-version', '${rekeySchemaVersion}') on conflict (name) do update set value = excluded.value`,
  ];
}
