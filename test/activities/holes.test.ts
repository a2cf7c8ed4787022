import { setTimeout as sleep } from 'node:timers/promises';
import { Scene } from '../checks/fixture.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

const version = testVersions()[0] as number;
const rows = 20_000;

const plan = `version: 1
plan: shop
accept: [{ hazard: trigger-fires, on: trigger note_it on posts, because: a note more does no harm }]
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

const schema = `
create table people (id serial primary key, ref text not null unique);
create table posts (ref text primary key, person_id integer not null references people deferrable initially deferred,
  other_id integer references people deferrable initially deferred);
create table notes (note text);
create function note_it() returns trigger language plpgsql as $$ begin insert into notes values (new.ref); return null; end $$;
create trigger note_it after update on posts for each row execute function note_it();
insert into people (ref) select 'p' || n from generate_series(1, 10) n;
insert into posts select 'x' || n, n % 10 + 1 from generate_series(1, 1000) n;
`;

/** As an application does that writes children before their parents: every post but a few is a hole then. */
const childrenFirst = `begin;
insert into posts (ref, person_id, other_id) select 'y' || n, ('00000000-0000-4000-8000-' || lpad((n % 500)::text, 12, '0'))::uuid, case when n % 7 = 0 then ('00000000-0000-4000-8000-' || lpad((n % 300)::text, 12, '0'))::uuid end
  from generate_series(1, ${rows}) n;
insert into people (id, ref) select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'late ' || n from generate_series(0, 499) n;
commit`;

const holes = `select count(*)::int as n from posts where legacy_person_id is null or other_id is not null and legacy_other_id is null`;

describe(`Holes, which references have that came before their parents, on PostgreSQL ${version}`, () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeEach(async () => {
    database = await connectedDatabase(version);
    await database.sql(schema);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
    await run.forward('main');
    const app = await database.app();
    await app.query(childrenFirst);
  }, 60_000);

  afterEach(async () => {
    run.end();
    await database.drop();
  });

  const count = async () => (await database.sql(holes))[0]?.n as number;
  const expectWhole = async () => {
    const [row] = await database.sql(
      `select count(*)::int as all, count(p.id)::int as persons, count(x.other_id)::int as others, count(o.id)::int as found
       from posts x left join people p on p.id = x.person_id and (x.ref not like 'y%' or p.ref = 'late ' || substr(x.ref, 2)::int % 500)
       left join people o on o.id = x.other_id and o.ref = 'late ' || substr(x.ref, 2)::int % 300`,
    );
    const others = Math.floor(rows / 7);
    expect(row).toEqual({ all: rows + 1_000, persons: rows + 1_000, others, found: others });
  };

  it('are filled in batches before the swap back, each for a moment only', async () => {
    expect(await count()).toBe(rows);
    await run.back('main');
    await expectWhole();
    const [batches] = await database.sql('select count(distinct xmin::text)::int as n from posts');
    expect(batches?.n).toBeGreaterThan(3);
  }, 60_000);

  it('that a client holds are left for the locks, and hold nobody up', async () => {
    const client = await database.app();
    await client.query(`begin; select from posts where ref in ('y1', 'y9999') for update`);
    const back = run.back('main');
    try {
      // all others are filled, and to be seen, while these are held
      for (const until = Date.now() + 20_000; (await count()) > 2 && Date.now() < until; ) await sleep(50);
      expect(await count()).toBe(2);
    } finally {
      await client.query('commit');
      await back;
    }
    await expectWhole();
    // a trigger of the application fired for each, once, and found its table
    expect(await database.sql(`select count(*)::int as n from notes where note like 'y%'`)).toEqual([
      { n: rows },
    ]);
  }, 60_000);

  it('that a client holds are waited for where they are too many for the locks, but not for long', async () => {
    const client = await database.app();
    await client.query(`begin; select from posts where ref like 'y%5' for update`);
    const tries: (string | undefined)[] = [];
    run.caller = async ({ activity, call }) => {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (activity !== 'swapKeysBack') throw error;
          tries.push((error as { code?: string }).code);
          expect(await count()).toBe(rows / 10);
          await client.query('commit');
        }
      }
    };
    await run.back('main');
    expect(tries).toEqual(['locks.not-had']);
    await expectWhole();
  }, 60_000);

  it('that were filled before an attempt was cut short are not filled again', async () => {
    const cut = new AbortController();
    let swept = 0;
    let left = rows;
    run.caller = async ({ activity, call }) => {
      if (activity !== 'swapKeysBack') return call();
      const heartbeat = (detail?: unknown) => {
        if (/^holes/.test(String((detail as { doing?: string }).doing)) && ++swept === 4)
          cut.abort(new Error('cut'));
      };
      await expect(call({ heartbeat, signal: cut.signal })).rejects.toThrow('cut');
      left = await count();
      return call();
    };
    await run.back('main');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(rows);
    await expectWhole();
  }, 60_000);

  it('that nobody can fill are met once, and too many of them keep the swap back from locking', async () => {
    await database.sql(`alter table people disable trigger user; alter table posts disable trigger user;
      alter table posts drop constraint posts_person_id_fkey; alter table posts drop constraint posts_other_id_fkey;
      delete from people where ref like 'late %'; delete from rekey.uuid_migration_mapping where table_name = 'people' and old_id > 10;
      alter table people enable always trigger "~rekey_main"; alter table posts enable always trigger "~rekey_main"`);
    await database.sql(
      `delete from rekey.document where kind = 'fingerprint'; update rekey.phase set fingerprint = null`,
    );
    await expect(run.back('main')).rejects.toMatchObject({ code: 'swap-back.holes', where: 'posts' });
    expect(await count()).toBe(rows);
    run.end();
  }, 60_000);
});

test('Holes are found without reading their table from its beginning to its end', async () => {
  const scene = await Scene.open(undefined, version);
  try {
    await scene.forward();
    await scene.swap();
    const { statements } = scene.phase();
    for (const { text } of statements.beforeSwapBack) await scene.session.query(text);
    await scene.session.query('analyze');
    for (const { blocks, batch, waiting, sweep, count } of statements.sweeps) {
      const plans = [
        [blocks, [0, 1_000_000, 10]],
        [batch, [5, 9]],
        [waiting, [5, 6]],
        [sweep, []],
        [count, []],
      ] as const;
      for (const [text, values] of plans) {
        await scene.session.transaction(async () => {
          await scene.session.execute('set local enable_seqscan = off');
          const lines = await scene.session.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values]);
          expect(lines.map((l) => l['QUERY PLAN']).join('\n')).not.toMatch(/Seq Scan/);
        });
      }
    }
    expect(statements.sweeps.length).toBeGreaterThan(1);
  } finally {
    await scene.close();
  }
}, 60_000);
