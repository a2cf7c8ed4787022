import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import type { Member } from './model.js';
import type { PhaseView } from './view.js';

/**
 * The sync trigger's body after the cutover: legacy columns from UUIDs, so that the way back loses no row. A new row's
 * legacy integer comes from the old sequence, its key is derived where the insert leaves it out. A legacy reference that
 * comes without its UUID is refused: a client that still writes integers must hear of it, not lose the value.
 * `closing`: cleanup's first step; only what new rows still need and that refusal, so that legacy columns can go in any
 * order.
 */
export function reverseBody(view: PhaseView, table: TableId, closing: boolean): string {
  const mine = view.substitution.members.filter((m) => m.table === table);
  const parts = [
    ...mine.filter((m) => m.role === 'surrogate-reference').map((m) => fillBothSides(view, m)),
    ...mine.filter((m) => m.role === 'key').map((m) => ownKey(view, m, closing)),
    ...mine
      .filter((m) => m.role === 'reference')
      .map((m) => (closing ? refusedReference(m) : legacyReference(view, m))),
    ...mine.filter((m) => m.role === 'surrogate').map((m) => ownSurrogate(view, m, closing)),
  ];
  return parts.filter(Boolean).join('\n');
}

function ownKey(view: PhaseView, member: Member, closing: boolean): string {
  const domain = view.domain(member.domain);
  const legacy = quoteIdent(member.legacy as string);
  const key = quoteIdent(member.after);
  const lines = closing ? [] : [comesBack(view, member), isTaken(view, member)].filter(Boolean);
  if (domain.sequence !== null)
    lines.push(
      `    if new.${legacy} is null then new.${legacy} := nextval(${quoteLiteral(`rekey.${quoteIdent(domain.sequence)}`)}::regclass); end if;`,
    );
  if (domain.keyFunction !== null)
    lines.push(
      `    if new.${key} is null then new.${key} := rekey.${quoteIdent(domain.keyFunction)}(new.${legacy}::int8); end if;`,
    );
  // nobody tops the mapping up after cleanup's first step
  if (closing)
    lines.push(
      `    if new.${legacy} is not null and new.${key} is not null then insert into rekey.uuid_migration_mapping (table_name, old_id, new_id) values (${quoteLiteral(member.domain)}, new.${legacy}, new.${key}) on conflict do nothing; end if;`,
    );
  return lines.length ? `  if tg_op = 'INSERT' then\n${lines.join('\n')}\n  end if;` : '';
}

/**
 * A row that was deleted and is made again with its UUID gets the integer that it had, unless another row has that one:
 * else one UUID would stand for two, and the older of them would lead nowhere after a swap back. Not where somebody else is
 * making the same one: two rows would meet on the legacy index, which no upsert names. Nobody is waited for (clients would
 * deadlock who do not without Rekey), and a bulk load takes at most 256 locks. The row may still be seen by who does not
 * see its delete: what can't be locked is on its way out.
 */
function comesBack(view: PhaseView, member: Member): string {
  const legacy = quoteIdent(member.legacy as string);
  const key = quoteIdent(member.after);
  const table = view.sqlTable(member.table);
  const domain = quoteLiteral(member.domain);
  const free = `select m.old_id into v_old from rekey.uuid_migration_mapping m
        where m.table_name = ${domain} and m.new_id = new.${key}
          and not exists (select from ${table} r where r.${legacy} = m.old_id and r.${key} <> new.${key}) limit 1;`;
  return `    if new.${key} is not null then
      perform from ${table} r where r.${key} = new.${key} and r.xmax = '0'::xid;
      if not found then perform from ${table} r where r.${key} = new.${key} for key share skip locked; end if;
      if not found then
        ${free}
        if v_old is not null and pg_try_advisory_xact_lock(hashtext('rekey makes ' || ${domain}), hashtext(new.${key}::text) & 255) then
          -- whoever had the lock has committed by now
          perform from ${table} r where r.${key} = new.${key} and r.xmax = '0'::xid;
          if not found then new.${legacy} := v_old; end if;
        end if;
      end if;
    end if;`;
}

/**
 * A row that is copied whole, by its row type or from JSON, and given a key of its own brings the integer of the one that
 * it is a copy of; a sequence that imports and clients with ids of their own have left behind gives those of other rows. It
 * gets the next that is free. The sequence is not moved ahead of the highest: whoever counts there goes on counting.
 */
function isTaken(view: PhaseView, member: Member): string {
  const next = nextInteger(view, member);
  if (next === null) return '';
  const legacy = quoteIdent(member.legacy as string);
  const key = quoteIdent(member.after);
  return `    while new.${legacy} is not null
      and exists (select from ${view.sqlTable(member.table)} r where r.${legacy} = new.${legacy} and r.${key} is distinct from new.${key}) loop
      new.${legacy} := ${next};
    end loop;`;
}

/** Null where only clients know which is the next. The trigger runs as its owner: of a default nothing but a sequence is asked. */
function nextInteger(view: PhaseView, member: Member): string | null {
  const { sequence } = view.domain(member.domain);
  if (sequence !== null) return `nextval(${quoteLiteral(`rekey.${quoteIdent(sequence)}`)}::regclass)`;
  const table = view.catalog.tables.find(({ id }) => id === member.table);
  const column = table?.columns.find(({ name }) => name === member.before);
  if (column?.sequence)
    return `nextval(pg_catalog.pg_get_serial_sequence(${quoteLiteral(view.sqlTable(member.table))}, ${quoteLiteral(member.legacy as string)})::regclass)`;
  return /^nextval\('[^']+'::regclass\)$/.test(column?.default ?? '') ? (column?.default as string) : null;
}

/**
 * The legacy integer of the row that a key belongs to: from NEW where the row refers to itself, it is not to be seen yet;
 * from the mapping where the row is gone, which a reference that only the plan declares may outlive.
 */
function legacyReference(view: PhaseView, member: Member): string {
  const root = view.substitution.members.find((m) => m.role === 'key' && m.table === member.domain) as Member;
  const column = quoteIdent(member.after);
  const legacy = quoteIdent(member.legacy as string);
  const lookUp = `select r.${quoteIdent(root.legacy as string)} into v_old from ${view.sqlTable(root.table)} r where r.${quoteIdent(root.after)} = new.${column};`;
  const itself =
    root.table === member.table
      ? `    if new.${column} = new.${quoteIdent(root.after)} then v_old := new.${quoteIdent(root.legacy as string)}; else ${lookUp} end if;`
      : `    ${lookUp}`;
  return `  if tg_op = 'INSERT' or new.${column} is distinct from old.${column} or new.${legacy} is distinct from old.${legacy} or (new.${column} is not null and new.${legacy} is null) then
    v_old := null;
${itself}
    if v_old is null and new.${column} is not null then
      select m.old_id into v_old from rekey.uuid_migration_mapping m where m.table_name = ${quoteLiteral(member.domain)} and m.new_id = new.${column} limit 1;
    end if;
${refuse(member, `new.${legacy} is not null and new.${legacy} is distinct from v_old and (tg_op = 'INSERT' and new.${column} is null or tg_op = 'UPDATE' and new.${column} is not distinct from old.${column} and new.${legacy} is distinct from old.${legacy})`)}
    new.${legacy} := v_old;
  end if;`;
}

function refuse(member: Member, when: string): string {
  return `    if ${when} then
      raise exception using errcode = 'integrity_constraint_violation', schema = tg_table_schema, table = tg_table_name, column = ${quoteLiteral(member.legacy as string)},
        message = ${quoteLiteral(`rekey: ${member.legacy} of ${member.table} was given without its UUID`)},
        hint = ${quoteLiteral(`write ${member.after}; select rekey.new_key('${member.domain}', <integer>) gives the UUID of an old key`)};
    end if;`;
}

/** While cleanup drops, what the legacy reference leads to may have gone: its row has to say enough, or the mapping. */
function refusedReference(member: Member): string {
  const column = quoteIdent(member.after);
  const legacy = quoteIdent(member.legacy as string);
  const paired = `exists (select from rekey.uuid_migration_mapping m where m.table_name = ${quoteLiteral(member.domain)} and m.new_id = new.${column} and m.old_id = new.${legacy})`;
  return `  if tg_op = 'INSERT' then
${refuse(member, `new.${legacy} is not null and new.${column} is null`)}
  elsif new.${legacy} is not null and new.${legacy} is distinct from old.${legacy} and new.${column} is not distinct from old.${column} then
${refuse(member, `not ${paired}`)}
  end if;`;
}

function ownSurrogate(view: PhaseView, member: Member, closing: boolean): string {
  const key = quoteIdent(member.after);
  const pair = (member.forward as Extract<Member['forward'], { by: 'function' }>).columns.map(
    (c) => view.substitution.members.find((m) => m.table === member.table && m.before === c)?.legacy ?? c,
  );
  const derived = `rekey.${quoteIdent(view.domain(member.domain).keyFunction as string)}(${pair.map((c) => `new.${quoteIdent(c)}::int8`).join(', ')})`;
  const fill = closing ? 'gen_random_uuid()' : `coalesce(${derived}, gen_random_uuid())`;
  return `  if tg_op = 'INSERT' and new.${key} is null then new.${key} := ${fill}; end if;`;
}

/** A child of a surrogate: the pair and the new reference name the same row, whichever of them a write leaves out. */
function fillBothSides(view: PhaseView, member: Member): string {
  const root = view.substitution.members.find(
    (m) => m.role === 'surrogate' && m.table === member.domain,
  ) as Member;
  const mine = (member.forward as Extract<Member['forward'], { by: 'function' }>).columns;
  const theirs = (root.forward as Extract<Member['forward'], { by: 'function' }>).columns;
  const after = (table: TableId, c: string) => view.member(table, c)?.after ?? c;
  const pair = mine.map((c, i) => ({
    own: quoteIdent(after(member.table, c)),
    parent: quoteIdent(after(root.table, theirs[i] as string)),
  }));
  const ref = quoteIdent(member.after);
  const parent = view.sqlTable(root.table);
  const anyNull = pair.map((p) => `new.${p.own} is null`).join(' or ');
  const changed = pair.map((p) => `new.${p.own} is distinct from old.${p.own}`).join(' or ');
  const byPair = `select r.${quoteIdent(root.after)} into new.${ref} from ${parent} r where ${pair.map((p) => `r.${p.parent} = new.${p.own}`).join(' and ')};`;
  const byKey = `select ${pair.map((p) => `r.${p.parent}`).join(', ')} into ${pair.map((p) => `new.${p.own}`).join(', ')} from ${parent} r where r.${quoteIdent(root.after)} = new.${ref};`;
  const differs = `exists (select from ${parent} r where r.${quoteIdent(root.after)} = new.${ref} and (${pair.map((p) => `r.${p.parent} is distinct from new.${p.own}`).join(' or ')}))`;
  return `  if tg_op = 'INSERT' then
    if new.${ref} is null then
      if not (${anyNull}) then ${byPair} end if;
    elsif ${anyNull} then ${byKey}
    elsif ${differs} then
      raise exception using errcode = 'foreign_key_violation', schema = tg_table_schema, table = tg_table_name, column = ${quoteLiteral(member.after)},
        message = ${quoteLiteral(`rekey: ${member.after} of ${member.table} and the pair beside it refer to different rows`)};
    end if;
  elsif (${changed}) and new.${ref} is not distinct from old.${ref} then
    if ${anyNull} then new.${ref} := null; else ${byPair} end if;
  elsif new.${ref} is distinct from old.${ref} and not (${changed}) and new.${ref} is not null then ${byKey}
  elsif new.${ref} is null and not (${anyNull}) then ${byPair}
  end if;`;
}
