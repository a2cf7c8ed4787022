import { byNumberFunctions } from './by-number.js';

/**
 * Functions in schema rekey that make key functions inside the server: salt and knots never leave it, and the dry run's
 * `select rekey.make_key_function(...)` is to the letter what a run executes. Part of the schema's creation; idempotent.
 *
 * A key function is one expression that PostgreSQL inlines (1.3 to 1.5 us a call as measured in FACTS): no sub-select, no SET, and
 * its argument only where a plain column may be repeated. What it calls is qualified: it is inlined under whatever search path.
 * Version and variant go in by set_bit, so that the hash is computed once. All of it are built-in functions other than md5,
 * which FIPS builds refuse.
 */
export const serverFunctions: string[] = [
  `create or replace function rekey.salt_literal() returns text language sql volatile
  set search_path = pg_catalog as $function$
    select quote_literal('\\x' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex')) || '::bytea'
  $function$`,

  // Idempotent by existence: the same id gives the same UUID over retries, over a rollback and a second run.
  `create or replace function rekey.make_key_function(
    p_domain text, p_function text, p_version int4, p_schema text, p_table text, p_column text, p_time text) returns void
  language plpgsql volatile set search_path = pg_catalog as $function$
  declare
    v_salt text; v_low int8; v_high int8; v_id int8; v_at float8; v_from int8; v_steps constant int4 := 64;
    v_ids int8[] := '{}'; v_times float8[] := '{}'; v_slopes float8[] := '{}'; v_last float8; v_now float8; v_pace float8; v_before int4; v_body text; v_hash text; v_time text;
  begin
    if to_regprocedure(format('rekey.%I(int8)', p_function)) is not null then return; end if;
    v_salt := rekey.salt_literal();
    v_hash := format('substring(pg_catalog.sha256(%s || pg_catalog.int8send($1)) from 1 for 16)', v_salt);
    if p_version = 4 then
      v_body := format('pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(%s, 55, 0), 54, 1), 53, 0), 52, 0), 71, 1), 70, 0)', v_hash);
    else
      v_now := floor(extract(epoch from now()) * 1000);
      execute format('select min(%1$I)::int8, max(%1$I)::int8 from %2$I.%3$I', p_column, p_schema, p_table) into v_low, v_high;
      v_low := coalesce(v_low, 1); v_high := coalesce(v_high, v_low);
      for i in 0 .. v_steps - 1 loop
        exit when v_low = v_high and i > 0;
        v_from := (v_low + trunc((v_high::numeric - v_low) * i / (v_steps - 1)))::int8;
        if p_time is null then
          -- no time to be had: a millisecond an id up to now keeps new keys behind old ones, never before 2000
          v_id := v_from; v_at := greatest(946684800000, v_now - (v_high::numeric - v_from)::float8);
        else
          execute format('select %1$I::int8, extract(epoch from %4$I) * 1000 from %2$I.%3$I where %1$I >= $1 and %4$I is not null and isfinite(%4$I) order by %1$I limit 1',
            p_column, p_schema, p_table, p_time) into v_id, v_at using v_from;
          continue when v_id is null;
        end if;
        continue when v_ids <> '{}' and v_id <= v_ids[cardinality(v_ids)];
        -- times of a row may lie; the keys' order must follow the id
        v_at := greatest(least(floor(v_at), v_now), coalesce(v_last, 0));
        v_ids := v_ids || v_id; v_times := v_times || v_at; v_last := v_at;
      end loop;
      if v_ids = '{}' then v_ids := array[v_low]; v_times := array[v_now]; v_last := v_now; end if;
      -- rows to come are younger than now
      if v_high < 9223372036854775807 and v_ids[cardinality(v_ids)] <= v_high then
        v_ids := v_ids || (v_high + 1); v_times := v_times || greatest(v_now, v_last) + 1;
      end if;
      -- beyond the last knot: the whole table's pace, at most a second an id
      v_pace := least(greatest((v_times[cardinality(v_times)] - v_times[1]) / greatest(v_ids[cardinality(v_ids)]::numeric - v_ids[1], 1)::float8, 0.001), 1000);
      -- the distance of an id from its knot is counted in int8: it has room for it where they have the same sign
      v_before := (select count(*) from unnest(v_ids) id where id < 0);
      if v_before > 0 and not 0 = any(v_ids) then
        v_last := v_times[v_before] + -(v_ids[v_before]::numeric)::float8 * case when v_before < cardinality(v_ids)
          then (v_times[v_before + 1] - v_times[v_before]) / (v_ids[v_before + 1]::numeric - v_ids[v_before])::float8 else v_pace end;
        v_ids := v_ids[:v_before] || 0::int8 || v_ids[v_before + 1:];
        v_times := v_times[:v_before] || v_last || v_times[v_before + 1:];
      end if;
      for i in 1 .. cardinality(v_ids) loop
        v_slopes := v_slopes || case
          when i < cardinality(v_ids) then (v_times[i + 1] - v_times[i]) / (v_ids[i + 1]::numeric - v_ids[i])::float8 * (1 - 1e-9)
          else v_pace end;
      end loop;
      v_time := format('least(pg_catalog.floor((%3$L::float8[])[pg_catalog.width_bucket(greatest($1, %1$s::int8), %2$L::int8[])] + (greatest($1, %1$s::int8) - (%2$L::int8[])[pg_catalog.width_bucket(greatest($1, %1$s::int8), %2$L::int8[])])::float8 * (%4$L::float8[])[pg_catalog.width_bucket(greatest($1, %1$s::int8), %2$L::int8[])]), 281474976710655)::int8',
        quote_literal(v_ids[1]), v_ids, v_times, v_slopes);
      v_body := format('pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(overlay(%s placing substring(pg_catalog.int8send(%s) from 3) from 1 for 6), 55, 0), 54, 1), 53, 1), 52, 1), 71, 1), 70, 0)', v_hash, v_time);
    end if;
    execute format('create function rekey.%I(int8) returns uuid language sql immutable parallel safe as %L',
      p_function, format('select pg_catalog.encode(%s, ''hex'')::uuid', v_body));
    execute format('comment on function rekey.%I(int8) is %L', p_function, 'keys of ' || p_domain || ', version ' || p_version);
  end
  $function$`,

  `create or replace function rekey.make_pair_key_function(p_domain text, p_function text, p_columns int4) returns void
  language plpgsql volatile set search_path = pg_catalog as $function$
  declare v_args text; v_sent text;
  begin
    select string_agg('int8', ', '), string_agg(format('pg_catalog.int8send($%s)', n), ' || ') into v_args, v_sent from generate_series(1, p_columns) n;
    if to_regprocedure(format('rekey.%I(%s)', p_function, v_args)) is not null then return; end if;
    execute format('create function rekey.%I(%s) returns uuid language sql immutable parallel safe as %L', p_function, v_args,
      format('select pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(substring(pg_catalog.sha256(%s || %s) from 1 for 16), 55, 0), 54, 1), 53, 0), 52, 0), 71, 1), 70, 0), ''hex'')::uuid',
        rekey.salt_literal(), v_sent));
    execute format('comment on function rekey.%I(%s) is %L', p_function, v_args, 'surrogate keys of ' || p_domain || ', version 4');
  end
  $function$`,

  // A default has to be a constant, so that it still stands when the schema rekey is gone.
  `create or replace function rekey.set_key_default(p_schema text, p_table text, p_column text, p_function text, p_value int8) returns void
  language plpgsql volatile set search_path = pg_catalog as $function$
  declare v_key uuid;
  begin
    execute format('select rekey.%I($1)', p_function) into v_key using p_value;
    execute format('alter table %I.%I alter column %I set default %L::uuid', p_schema, p_table, p_column, v_key);
  end
  $function$`,

  // Under the lock of the caller's transaction, so that nobody sets one between the look and the change.
  `create or replace function rekey.set_lasting_default(p_schema text, p_table text, p_column text, p_expression text) returns void
  language plpgsql volatile set search_path = pg_catalog as $function$
  begin
    if exists (select from pg_attribute a where a.attrelid = format('%I.%I', p_schema, p_table)::regclass and a.attname = p_column and a.atthasdef) then return; end if;
    execute format('alter table %I.%I alter column %I set default %s', p_schema, p_table, p_column, p_expression);
  end
  $function$`,

  // Keys that the application brought after a cutover are kept over a rollback: the key function gives them again. Such
  // a function is no longer one expression (6 to 8 us a call), so that only a domain with brought keys pays for them.
  `create or replace function rekey.keep_brought_keys(p_domain text, p_function text) returns int8
  language plpgsql volatile set search_path = pg_catalog as $function$
  declare v_count int8; v_derived text := p_function || ' derived'; v_keeps boolean;
  begin
    -- the server would cut a longer name, to one that may be another function's
    if octet_length(v_derived) > 63 then
      v_derived := p_function;
      while octet_length(v_derived) > 46 loop v_derived := left(v_derived, -1); end loop;
      v_derived := v_derived || '_' || left(encode(sha256(convert_to(p_function, 'UTF8')), 'hex'), 8) || ' derived';
    end if;
    select f.prosrc ~ 'rekey\\.brought_key' into v_keeps from pg_proc f where f.oid = to_regprocedure(format('rekey.%I(int8)', p_function));
    execute format('insert into rekey.brought_key (table_name, old_id, new_id)
      select m.table_name, m.old_id, m.new_id from rekey.uuid_migration_mapping m where m.table_name = $1 and m.new_id <> rekey.%I(m.old_id)
      on conflict (table_name, old_id) do update set new_id = excluded.new_id', p_function) using p_domain;
    select count(*) into v_count from rekey.brought_key b where b.table_name = p_domain;
    if v_count > 0 and not v_keeps then
      execute format('alter function rekey.%I(int8) rename to %I', p_function, v_derived);
      execute format('create function rekey.%I(int8) returns uuid language sql stable parallel safe as %L', p_function,
        format('select coalesce((select b.new_id from rekey.brought_key b where b.table_name = %L and b.old_id = $1), rekey.%I($1))', p_domain, v_derived));
    end if;
    return v_count;
  end
  $function$`,
  ...byNumberFunctions,
];
