import type { ClientBase } from 'pg';

/**
 * What a cutover looks like to clients, without Rekey: the columns of a key change their type in one transaction, the
 * slow way. New keys hold the old number, so that `rekey.new_key` and `rekey.old_key` need no mapping; one that a client
 * brought gets some number on the way back.
 */
export async function preparePretence(client: ClientBase): Promise<void> {
  await client.query(`
    create schema rekey;
    create function rekey.new_key(table_name text, id bigint) returns uuid immutable strict language sql as
      $$ select ('00000000-0000-7000-8000-' || lpad(to_hex(id), 12, '0'))::uuid $$;
    create function rekey.old_key(table_name text, id uuid) returns bigint immutable strict language sql as
      $$ select case when id::text like '00000000-0000-7000-8000-%'
           then ('x' || lpad(right(id::text, 12), 16, '0'))::bit(64)::bigint
           else 1000000000 + abs(hashtext(id::text)::bigint) % 1000000000 end $$;
    grant usage on schema rekey to public`);
}

interface Member {
  table: string;
  column: string;
  type: string;
  default: string | null;
}

/** Moves the key of `table`, and all that refers to it, to UUIDs, or back to the types that `before` holds. */
export async function pretendCutover(
  client: ClientBase,
  table: string,
  key: string,
  before?: Member[],
): Promise<Member[]> {
  await lockAll(client);
  const members = await domain(client, table, key);
  const { rows: foreignKeys } = await client.query<{ name: string; table: string; definition: string }>(
    `select conname as name, conrelid::regclass::text as table, pg_get_constraintdef(oid) as definition
     from pg_constraint where contype = 'f'`,
  );
  for (const one of foreignKeys) await client.query(`alter table ${one.table} drop constraint "${one.name}"`);
  for (const name of new Set(members.map((member) => member.table))) {
    const changes = members
      .filter((member) => member.table === name)
      .flatMap((member) => {
        const old = before?.find((one) => one.table === name && one.column === member.column);
        const column = `"${member.column}"`;
        const using = old
          ? `rekey.old_key('${table}', ${column})::${old.type}`
          : `rekey.new_key('${table}', ${column})`;
        const text = old ? old.default : member.default && `rekey.new_key('${table}', ${member.default})`;
        const drop = member.default || text ? [`alter column ${column} drop default`] : [];
        const set = text ? [`alter column ${column} set default ${text}`] : [];
        return [...drop, `alter column ${column} type ${old?.type ?? 'uuid'} using ${using}`, ...set];
      });
    await client.query(`alter table ${name} ${changes.join(', ')}`);
  }
  for (const one of foreignKeys) {
    await client.query(
      `alter table ${one.table} add constraint "${one.name}" ${one.definition.replace(' NOT VALID', '')}`,
    );
  }
  await client.query('commit');
  return members;
}

/** Begins a transaction with all tables locked at once: waiting for one while holding others would make clients deadlock. */
export async function lockAll(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ list: string }>(
    `select string_agg(oid::regclass::text, ', ') as list from pg_class
     where relkind = 'r' and relnamespace in ('public'::regnamespace, 'archive'::regnamespace)`,
  );
  for (let tries = 0; ; tries++) {
    try {
      await client.query(
        `begin; set local statement_timeout = '300ms'; lock table ${rows[0]?.list} in access exclusive mode; set local statement_timeout = 0`,
      );
      return;
    } catch (error) {
      await client.query('rollback');
      if (tries === 100) throw error;
    }
  }
}

async function domain(client: ClientBase, table: string, key: string): Promise<Member[]> {
  const { rows } = await client.query<Member>(
    `with recursive pairs as (
       select c.conrelid, k.x, c.confrelid, k.y from pg_constraint c, unnest(c.conkey, c.confkey) k(x, y) where c.contype = 'f'
       union all select 'llm_audit_logs'::regclass, a.attnum, 'users'::regclass, b.attnum from pg_attribute a, pg_attribute b
         where (a.attrelid, a.attname, b.attrelid, b.attname) = ('llm_audit_logs'::regclass, 'actor_id', 'users'::regclass, 'user_id')
     ), members as (
       select attrelid as relation, attnum as number from pg_attribute where attrelid = $1::regclass and attname = $2
       union select p.conrelid, p.x from pairs p join members m on (m.relation, m.number) = (p.confrelid, p.y)
     )
     select m.relation::regclass::text as table, a.attname as column, format_type(a.atttypid, null) as type,
            pg_get_expr(d.adbin, d.adrelid) as default
     from members m join pg_attribute a on (a.attrelid, a.attnum) = (m.relation, m.number)
     left join pg_attrdef d on (d.adrelid, d.adnum) = (m.relation, m.number) order by 1, 2`,
    [table, key],
  );
  return rows;
}
