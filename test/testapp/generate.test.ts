import { Client } from 'pg';
import { createTestapp, type Testapp } from '../../examples/testapp/database.js';
import { generate } from '../../examples/testapp/generate.js';
import { sharedPostgres, wholePlanVersions } from '../servers.js';

/** Two databases a server, made once. */
const password = 'for-tests-only';
const rows = 6000;

async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

const tables = `select c.oid::regclass::text as name from pg_class c
  where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'archive'::regnamespace) order by 1`;

async function digest(url: string): Promise<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const { name } of await query<{ name: string }>(url, tables)) {
    const [row] = await query<{ digest: string }>(
      url,
      `select count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as digest from ${name} t`,
    );
    result[name] = row?.digest ?? '';
  }
  return result;
}

describe.each(wholePlanVersions())('The reference database on PostgreSQL %i', (version) => {
  const name = `testapp_${process.pid}_${version}`;
  let server: { superuserUrl: string };
  let testapp: Testapp;

  beforeAll(async () => {
    server = await sharedPostgres(version);
    testapp = await createTestapp(server.superuserUrl, name, { rows, seed: 7, password });
  }, 120_000);

  afterAll(async () => {
    await query(server.superuserUrl, `drop database if exists ${name} with (force)`);
  });

  it('has about as many rows as were asked for, in every table but legal_holds', async () => {
    const counts = await digest(testapp.superuser);
    expect(Object.keys(counts).length).toBeGreaterThanOrEqual(35);
    const empty = Object.keys(counts).filter((table) => counts[table]?.startsWith('0:'));
    expect(empty).toEqual(['legal_holds']);
    const total = Object.values(counts).reduce((sum, one) => sum + Number.parseInt(one, 10), 0);
    expect(total / rows).toBeGreaterThan(0.9);
    expect(total / rows).toBeLessThan(1.15);
  });

  it('is the same for the same seed, made by the owner under all its foreign keys and checks, and another for another', async () => {
    const again = `${name}_again`;
    await createTestapp(server.superuserUrl, again, { rows: 1000, seed: 1, password });
    const owner = new Client({ connectionString: testapp.owner.replace(name, again) });
    await owner.connect();
    try {
      const refill = async (seed: number) => {
        const { rows: all } = await owner.query<{ list: string }>(
          `select string_agg(name, ', ') as list from (${tables}) t`,
        );
        await owner.query(`truncate ${all[0]?.list}`);
        await generate(owner, { rows, seed });
        return digest(testapp.superuser.replace(name, again));
      };
      expect(await refill(7)).toEqual(await digest(testapp.superuser));
      expect((await refill(8)).users).not.toEqual((await digest(testapp.superuser)).users);
    } finally {
      await owner.end();
      await query(server.superuserUrl, `drop database ${again} with (force)`);
    }
  }, 120_000);

  it('has no orphan, and something behind every foreign key but those of the empty table', async () => {
    const keys = await query<{ name: string; child: string; parent: string; joined: string; given: string }>(
      testapp.superuser,
      `select conname as name, conrelid::regclass::text as child, confrelid::regclass::text as parent,
              string_agg(format('c.%I = p.%I', a.attname, b.attname), ' and ') as joined,
              string_agg(format('c.%I is not null', a.attname), ' and ') as given
       from pg_constraint, unnest(conkey, confkey) k(x, y)
       join pg_attribute a on a.attnum = x join pg_attribute b on b.attnum = y
       where contype = 'f' and a.attrelid = conrelid and b.attrelid = confrelid and conparentid = 0
       group by 1, 2, 3`,
    );
    expect(keys.length).toBeGreaterThan(60);
    for (const key of keys) {
      const [found] = await query<{ given: number; orphans: number }>(
        testapp.superuser,
        `select count(*)::int as given, (count(*) filter (where not exists (select from ${key.parent} p where ${key.joined})))::int as orphans
         from ${key.child} c where ${key.given}`,
      );
      expect({ key: key.name, ...found }).toEqual({
        key: key.name,
        given: key.child === 'legal_holds' ? 0 : expect.any(Number),
        orphans: 0,
      });
      if (key.child !== 'legal_holds') expect(found?.given).toBeGreaterThan(0);
    }
    const [actors] = await query(
      testapp.superuser,
      `select count(*)::int as lost from llm_audit_logs l where actor_id is not null
       and not exists (select from users u where u.user_id = l.actor_id)`,
    );
    expect(actors).toEqual({ lost: 0 });
  });

  it('lets the application go on where the generator stopped: each sequence is past the keys that came from it', async () => {
    const app = new Client({ connectionString: testapp.app });
    await app.connect();
    try {
      await app.query('begin');
      const key = async (sql: string) => Number((await app.query(sql)).rows[0].key);
      await app.query('set constraints all deferred');
      const user = await key(
        `insert into users (reference, email, full_name, lob_id) values ('U-x', 'x@example.com', 'X', 1) returning user_id as key`,
      );
      expect(user).toBe(Number((await app.query('select max(user_id) as top from users')).rows[0].top));
      const report = await key(
        `insert into reports (reference, title, owner_id) values ('R-x', 'X', ${user}) returning report_id as key`,
      );
      expect(report % 10).toBe(0);
      const document = await key(
        `insert into documents (observation_id, uploaded_by, title) select min(observation_id), ${user}, 'X' from observations returning document_id as key`,
      );
      expect(document).toBeLessThan(rows);
      const config = await key(
        `insert into configurations (config_key, config_value) values ('x', 'x') returning config_id as key`,
      );
      expect(config).toBeGreaterThan(0);
      await app.query('rollback');
    } finally {
      await app.end();
    }
  });

  it('has ids near 2^31, negative ids and gaps', async () => {
    const [found] = await query(
      testapp.superuser,
      `select (select max(document_id) from documents)::text as highest, (select min(config_id) from configurations) as lowest,
              (select max(user_id) > count(*) from users) as gaps`,
    );
    expect(found).toEqual({ highest: '2147483647', lowest: -5, gaps: true });
  });

  it('gives each role what it needs and no more', async () => {
    const refused = { code: '42501' };
    await expect(query(testapp.app, 'create table public.mine ()')).rejects.toMatchObject(refused);
    await expect(query(testapp.reader, 'select email from users')).rejects.toMatchObject(refused);
    await expect(
      query(testapp.reader, `insert into lobs (reference, name) values ('L-x', 'X')`),
    ).rejects.toMatchObject(refused);
    await expect(query(testapp.tenant, 'select * from reports')).rejects.toMatchObject(refused);
    expect((await query(testapp.reader, 'select user_id, full_name from users limit 1')).length).toBe(1);
    expect(await query(testapp.tenant, 'select count(*)::int as n from announcements')).toEqual([{ n: 5 }]);
    expect(await query(testapp.app, 'select count(*)::int as n from announcements')).toEqual([{ n: 10 }]);
    const [owner] = await query(
      testapp.owner,
      `select rolsuper, rolbypassrls, has_database_privilege(current_database(), 'create') as creates,
              pg_has_role('pg_read_all_stats', 'member') as sees
       from pg_roles where rolname = current_user`,
    );
    expect(owner).toEqual({ rolsuper: false, rolbypassrls: false, creates: true, sees: true });
  });
});
