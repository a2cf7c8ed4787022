-- The four roles of the reference application. Run as a superuser, once or again: roles belong to the whole server,
-- those that are there stay. Works through any client, psql or not. Where the server asks for passwords, give one by
-- the setting testapp.password, as in: PGOPTIONS="-c testapp.password=$TESTAPP_PASSWORD" psql -f roles.sql
do $$
declare
  role_name text;
  password text := coalesce(current_setting('testapp.password', true), '');
begin
  -- Two databases may be made at the same time.
  perform pg_advisory_xact_lock(hashtextextended('testapp roles', 0));
  foreach role_name in array array['testapp_owner', 'testapp_app', 'testapp_reader', 'testapp_tenant'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login nosuperuser nobypassrls nocreatedb nocreaterole', role_name);
    end if;
    if password <> '' then
      execute format('alter role %I password %L', role_name, password);
    end if;
  end loop;
  -- Rekey runs as the owner: without this the sessions of others, and how far standbys are behind, are hidden from it.
  if not pg_has_role('testapp_owner', 'pg_read_all_stats', 'member') then
    grant pg_read_all_stats to testapp_owner;
  end if;
end
$$;
