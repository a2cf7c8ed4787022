import type { Client } from 'pg';
import { atEveryStep, founded, onlyPeople } from './founded.js';

const plan = onlyPeople.replace(
  'phases:',
  'accept: [{ hazard: trigger-fires, on: trigger audit on people, because: it only writes down what it sees }]\nphases:',
);
const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people);
insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 30) n;
create table audit (person_id text, boss_id text, seen text);
create function audit() returns trigger language plpgsql as $$
declare seen text := 'n ' || new.id;
begin
  if new.boss_id is not null then seen := seen || ' b ' || new.boss_id; end if;
  if new.id = new.boss_id then seen := 'own boss'; end if;
  insert into audit (person_id, boss_id, seen) values (new.id, new.boss_id, seen);
  return null;
end $$;
create trigger audit after insert or update on people for each row execute function audit();
create function boss_of(who text) returns text language plpgsql as $$
declare
  known/* by its key */people.id%type;
  "Boss" public."people" . "boss_id" %TYPE;
  found_name text;
begin
  select id, boss_id into known, "Boss" from people where name = who;
  select name into found_name from people where id = "Boss" and id is distinct from known;
  return found_name;
end $$;
create function bosses_by_row(who text) returns text language plpgsql as $$
declare
  typed people;
  loose record;
begin
  select * into typed from people where name = who;
  for loose in select id, name from people where id = typed.boss_id loop
    perform 1 from people where boss_id = loose.id;
    return loose.name || (select count(*) from people where boss_id = loose.id);
  end loop;
  return null;
end $$;
`;

describe('Sessions that live through a cutover', () => {
  const at = founded(plan, (database) => database.sql(schema));

  /** What a pool's session has run before it runs again, with the same plans. */
  async function work(client: Client): Promise<void> {
    await client.query(`update people set name = name where name = 'p20'`);
    const { rows } = await client.query(
      `select boss_of('p20') as boss, bosses_by_row('p20') as "byRow", seen = 'n ' || p.id || ' b ' || p.boss_id as audited
       from people p join audit a on a.person_id = p.id::text where p.name = 'p20' limit 1`,
    );
    expect(rows).toEqual([{ boss: 'p6', byRow: 'p63', audited: true }]);
  }

  it('have triggers and functions of plpgsql that name keys go on by themselves, there and back', async () => {
    const sessions = [await at.database.app(), await at.database.app()];
    const all = async () => {
      for (let n = 0; n < 3; n += 1) for (const session of sessions) await work(session);
    };
    await atEveryStep(at, 'people', all);
  }, 60_000);
});
