import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { findTools, type PgTools } from '../../src/backup/find-tools.js';
import { freshDatabase, type TestDatabase } from '../servers.js';

/** A small database with what makes backups hard: two schemas, odd names, a cycle, partitions, enum, trigger, identity. */
const schema = `
  create schema "Old Data";
  create type mood as enum ('fine', 'tired');
  create function note_it() returns trigger language plpgsql as $$ begin new.note := new.note || '!'; return new; end $$;
  create table lobs (lob_id serial primary key, name text not null, head_user_id int);
  create table users (user_id int generated always as identity primary key, lob_id int references lobs,
                      manager_id int references users, mood mood not null default 'fine', note text,
                      shout text generated always as (upper(note)) stored);
  create index users_by_lob on users (lob_id);
  alter table lobs add constraint lobs_head_fkey foreign key (head_user_id) references users;
  comment on constraint lobs_head_fkey on lobs is 'a cycle';
  create trigger note_it before insert on users for each row execute function note_it();
  create table "Old Data"."Order" (id int primary key, "when" timestamptz, user_id int references users);
  create table events (id bigint, at date not null, user_id int references users, primary key (id, at)) partition by range (at);
  create table events_25 partition of events for values from ('2025-01-01') to ('2026-01-01');
  create table events_26 partition of events for values from ('2026-01-01') to ('2027-01-01');
  create table nothing (id int primary key);
  create materialized view per_lob as select lob_id, count(*) from users group by 1;
  insert into lobs (name) select 'lob ' || i from generate_series(1, 5) as i;
  insert into users (lob_id, note) select i % 5 + 1, E'tab\\there, line\\nthere, back\\\\slash \\\\. and ü ' || i
    from generate_series(1, 2000) as i;
  update users set manager_id = user_id - 1 where user_id > 1;
  update lobs set head_user_id = lob_id;
  insert into "Old Data"."Order" select i, '2026-01-01', i from generate_series(1, 300) as i;
  insert into events select i, '2025-06-01'::date + i, i from generate_series(1, 400) as i;
  insert into users (note) values (null), (E'\\\\.'), ('');
`;

export interface Fixture {
  source: TestDatabase;
  /** server_version_num */
  serverVersion: number;
  tools: PgTools;
  /** a REKEY_BACKUPS directory */
  root: string;
  /** a new empty database on the same server */
  target(): Promise<TestDatabase>;
  end(): Promise<void>;
}

export async function makeFixture(version: number): Promise<Fixture> {
  const made: TestDatabase[] = [];
  const fresh = async () => {
    const database = await freshDatabase(version);
    made.push(database);
    return database;
  };
  const source = await fresh();
  await source.query(schema);
  const [{ v }] = (await source.query<{ v: number }>(
    `select current_setting('server_version_num')::int4 as v`,
  )) as [{ v: number }];
  const tools = await findTools(v);
  if (tools === null) throw new Error(`these tests need pg_dump ${version}: set REKEY_PG_BIN`);
  const root = await mkdtemp(join(tmpdir(), 'rekey-backups-'));
  return {
    source,
    serverVersion: v,
    tools,
    root,
    target: fresh,
    end: async () => {
      for (const database of made) await database.drop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

export const digest = `
  select (select count(*)::int || ' ' || md5(string_agg(u::text, ',' order by user_id)) from users as u) as users,
         (select count(*)::int || ' ' || md5(string_agg(l::text, ',' order by lob_id)) from lobs as l) as lobs,
         (select count(*)::int || ' ' || md5(string_agg(o::text, ',' order by id)) from "Old Data"."Order" as o) as orders,
         (select count(*)::int || ' ' || md5(string_agg(e::text, ',' order by id)) from events as e) as events`;

export const never = new AbortController().signal;
export const quiet = () => undefined;

/** Holds ACCESS EXCLUSIVE on a table, so that a backup is surely under way, and waits. */
export async function whileLocked(
  db: Fixture,
  table: string,
  work: (release: () => Promise<void>) => Promise<void>,
) {
  const client = new Client({ connectionString: db.source.ownerUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`begin; lock table ${table} in access exclusive mode`);
    await work(async () => {
      await client.query('rollback');
    });
  } finally {
    await client.end();
  }
}
