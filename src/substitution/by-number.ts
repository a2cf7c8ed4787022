import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { ColumnRef, TableId } from '../plan/model.js';
import { sourceColumns } from './key-expression.js';
import type { PhaseView } from './view.js';

/**
 * What a sync trigger does once somebody has renamed or dropped what its body names: clients must not be locked out by it.
 * Its body is tried first, in a block of its own (0.6 us a row, and no transaction id where it writes nothing); what it can't
 * do goes by the columns' numbers, and what is gone for good is left out. Rename and drop are found by the next step, and
 * close the way back; once a name is given back, rows are compared with their UUIDs as after any write past a trigger.
 */
export function orByNumber(
  view: PhaseView,
  table: TableId,
  body: string,
  direction: 'forward' | 'reverse' | 'closing',
): string {
  const members =
    direction === 'forward' ? forwardMembers(view, table) : reverseMembers(view, table, direction);
  const asked = `${quoteLiteral(JSON.stringify(members))}::jsonb`;
  return `  begin\n${body}\n    return new;\n  exception when ${cannotGoByName} then
    return jsonb_populate_record(new, rekey.sync_by_number_${direction === 'forward' ? 'forward' : 'reverse'}(tg_relid, tg_op, to_jsonb(new), to_jsonb(old), ${asked}));\n  end;`;
}

/**
 * A name is gone, or (42804) a column has another type than when the session first ran the function: plpgsql keeps the types
 * of NEW for the life of a session.
 */
const cannotGoByName = 'undefined_column or undefined_table or datatype_mismatch';

interface ByFunction {
  shadow: string;
  function: string;
  /** numbers of the integers that it comes from */
  from: number[];
  /** where an adopted key is looked up: the table's oid and the numbers of two of its columns */
  of: { table: number; match: number; adopts: number } | null;
}

function forwardMembers(view: PhaseView, table: TableId): ByFunction[] {
  return view.substitution.members
    .filter((m) => m.table === table)
    .map((m) => ({
      shadow: m.shadow,
      function: m.forward.keyFunction,
      from: sourceColumns(m).map((column) => numberOf(view, table, column)),
      of:
        m.forward.by === 'lookup'
          ? {
              table: tableOf(view, m.forward.table)?.oid ?? 0,
              match: numberOf(view, m.forward.table, m.forward.match),
              adopts: numberOf(view, m.forward.table, m.forward.from),
            }
          : null,
    }));
}

type Backward =
  | {
      key: string;
      legacy: string | null;
      sequence: string | null;
      function: string | null;
      domain: TableId;
      maps: boolean;
    }
  | { column: string; legacy: string; domain: TableId; root: string; rootKey: string; rootLegacy: string };

/** A reference beside a surrogate's pair is left as it comes. */
function reverseMembers(view: PhaseView, table: TableId, direction: 'reverse' | 'closing'): Backward[] {
  const { members } = view.substitution;
  return members
    .filter((m) => m.table === table)
    .flatMap((m): Backward[] => {
      if (m.role === 'key' || m.role === 'surrogate') {
        const domain = view.domain(m.domain);
        const sequence = domain.sequence && `rekey.${quoteIdent(domain.sequence)}`;
        const maps = direction === 'closing' && m.role === 'key';
        const keyFunction = m.role === 'key' ? domain.keyFunction : null;
        return [{ key: m.after, legacy: m.legacy, sequence, function: keyFunction, domain: m.domain, maps }];
      }
      const root = members.find((r) => r.role === 'key' && r.table === m.domain);
      if (m.role !== 'reference' || direction === 'closing' || !root) return [];
      return [
        {
          column: m.after,
          legacy: m.legacy as string,
          domain: m.domain,
          root: view.sqlTable(root.table),
          rootKey: root.after,
          rootLegacy: root.legacy as string,
        },
      ];
    });
}

/**
 * A follow trigger whose names are gone leaves the children as they came. What it writes fires the application's triggers:
 * theirs to fail, so that it looks whether the names that are missing are its own.
 */
export function unlessNamesAreGone(view: PhaseView, named: ColumnRef[], body: string): string {
  const names = JSON.stringify(named.map(({ table, column }) => [view.sqlTable(table), column]));
  return `  begin\n${body}\n  exception when ${cannotGoByName} then
    if rekey.names_stand(${quoteLiteral(names)}::jsonb) then raise; end if;\n  end;`;
}

function tableOf(view: PhaseView, id: TableId) {
  return view.catalog.tables.find((table) => table.id === id);
}

/** 0 is no column's number */
function numberOf(view: PhaseView, table: TableId, column: string): number {
  return tableOf(view, table)?.columns.find(({ name }) => name === column)?.num ?? 0;
}

/** Functions in schema rekey that every sync trigger asks. They run as the trigger's owner. Part of the schema's creation. */
export const byNumberFunctions: string[] = [
  `create or replace function rekey.column_called(p_table oid, p_number int4) returns text language sql stable
  set search_path = pg_catalog as $function$
    select a.attname::text from pg_attribute a where a.attrelid = p_table and a.attnum = p_number and not a.attisdropped
  $function$`,

  `create or replace function rekey.names_stand(p_names jsonb) returns boolean language sql stable
  set search_path = pg_catalog as $function$
    select not exists (select from jsonb_array_elements(p_names) n where not exists (
      select from pg_attribute a where a.attrelid = to_regclass(n.value ->> 0) and a.attname = n.value ->> 1 and not a.attisdropped))
  $function$`,

  `create or replace function rekey.sync_by_number_forward(p_table oid, p_op text, p_new jsonb, p_old jsonb, p_members jsonb) returns jsonb
  language plpgsql volatile set search_path = pg_catalog as $function$
  declare
    v_result jsonb := '{}'; v_member jsonb; v_number int4; v_name text; v_known boolean; v_owed boolean; v_args text[]; v_key uuid;
    v_match text; v_adopts text; v_of regclass;
  begin
    for v_member in select e.value from jsonb_array_elements(p_members) e loop
      v_args := '{}'; v_known := true;
      v_owed := p_op = 'INSERT' or (p_new ->> (v_member ->> 'shadow') is null and p_old ->> (v_member ->> 'shadow') is null);
      for v_number in select e.value::int4 from jsonb_array_elements_text(v_member -> 'from') e loop
        v_name := rekey.column_called(p_table, v_number);
        v_known := v_known and v_name is not null;
        v_args := v_args || format('%L::int8', p_new ->> v_name);
        v_owed := v_owed or p_new -> v_name is distinct from p_old -> v_name;
      end loop;
      continue when not v_known or not v_owed or not p_new ? (v_member ->> 'shadow');
      if jsonb_typeof(v_member -> 'of') = 'null' then
        execute format('select rekey.%I(%s)', v_member ->> 'function', array_to_string(v_args, ', ')) into v_key;
      else
        v_of := (v_member -> 'of' ->> 'table')::oid::regclass;
        v_match := rekey.column_called(v_of, (v_member -> 'of' ->> 'match')::int4);
        v_adopts := rekey.column_called(v_of, (v_member -> 'of' ->> 'adopts')::int4);
        continue when v_match is null or v_adopts is null;
        execute format('select rekey.%I(p.%I::int8) from %s p where p.%I = %s for key share', v_member ->> 'function', v_adopts, v_of, v_match, v_args[1]) into v_key;
      end if;
      v_result := v_result || jsonb_build_object(v_member ->> 'shadow', v_key);
    end loop;
    return v_result;
  end
  $function$`,

  `create or replace function rekey.sync_by_number_reverse(p_table oid, p_op text, p_new jsonb, p_old jsonb, p_members jsonb) returns jsonb
  language plpgsql volatile set search_path = pg_catalog as $function$
  declare
    v_result jsonb := '{}'; v_member jsonb; v_name text; v_legacy text; v_old int8; v_key uuid;
  begin
    for v_member in select e.value from jsonb_array_elements(p_members) e loop
      v_legacy := v_member ->> 'legacy';
      if v_member ? 'key' then
        continue when p_op <> 'INSERT';
        v_name := v_member ->> 'key';
        if not p_new ? v_name then
          -- the swap gave it a number that nobody knew beforehand: it is the primary key, whatever it is called
          select min(a.attname::text) into v_name from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
          where k.conrelid = p_table and k.contype = 'p' and cardinality(k.conkey) = 1 and a.atttypid = 'uuid'::regtype;
        end if;
        v_old := (p_new ->> v_legacy)::int8;
        if v_old is null and v_member ->> 'sequence' is not null then v_old := nextval((v_member ->> 'sequence')::regclass); end if;
        if v_legacy is not null and p_new ? v_legacy then v_result := v_result || jsonb_build_object(v_legacy, v_old); end if;
        continue when v_name is null;
        v_key := (p_new ->> v_name)::uuid;
        if v_key is null and v_old is not null and v_member ->> 'function' is not null then
          execute format('select rekey.%I($1)', v_member ->> 'function') into v_key using v_old;
        end if;
        if v_key is null and (v_legacy is null or v_member ->> 'function' is not null) then v_key := gen_random_uuid(); end if;
        v_result := v_result || jsonb_build_object(v_name, v_key);
        if (v_member ->> 'maps')::boolean and v_old is not null and v_key is not null then
          insert into rekey.uuid_migration_mapping (table_name, old_id, new_id) values (v_member ->> 'domain', v_old, v_key) on conflict do nothing;
        end if;
      else
        v_name := v_member ->> 'column';
        continue when not p_new ? v_name or not p_new ? v_legacy;
        continue when p_op <> 'INSERT' and p_new -> v_name is not distinct from p_old -> v_name and p_new -> v_legacy is not distinct from p_old -> v_legacy;
        if p_op = 'INSERT' and p_new ->> v_legacy is not null and p_new ->> v_name is null then
          raise exception using errcode = 'integrity_constraint_violation', message = format('rekey: %s was given without its UUID', v_legacy), hint = format('write %s', v_name);
        end if;
        v_old := null;
        begin
          execute format('select r.%I::int8 from %s r where r.%I = $1', v_member ->> 'rootLegacy', v_member ->> 'root', v_member ->> 'rootKey') into v_old using (p_new ->> v_name)::uuid;
        exception when undefined_column or undefined_table then null;
        end;
        if v_old is null then
          select m.old_id into v_old from rekey.uuid_migration_mapping m where m.table_name = v_member ->> 'domain' and m.new_id = (p_new ->> v_name)::uuid limit 1;
        end if;
        v_result := v_result || jsonb_build_object(v_legacy, v_old);
      end if;
    end loop;
    return v_result;
  end
  $function$`,
];
