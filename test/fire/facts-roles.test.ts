import { Client } from 'pg';
import { RekeyError } from '../../src/errors.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { ensureRole, testVersions } from '../servers.js';

const plan = (accepted: string[] = []) => `version: 1
plan: facts
accept: [${accepted.map((on) => `{ hazard: trigger-fires, on: trigger ${on}, because: the test wants it so }`).join(', ')}]
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

const schema = `
create table people (id serial primary key, ref text not null unique, tenant text not null default 'a', touched integer not null default 0,
  boss_id integer references people);
create table posts (
  id serial primary key, ref text not null unique,
  person_id integer references people,
  cascaded integer references people on delete cascade,
  nulled integer references people on delete set null,
  fallen integer default 1 references people on delete set default,
  late integer default 1 references people on delete set default deferrable initially deferred);
insert into people (ref, tenant) select 'p' || n, case when n % 3 = 0 then 'a' else 'b' end from generate_series(1, 90) n;
insert into posts (ref, person_id, cascaded, nulled, fallen, late) select 'x' || n, 1, n, n, n, n from generate_series(1, 60) n;
`;

const inTrigger = (name: string, body: string) =>
  `create function ${name}() returns trigger language plpgsql as $$ begin ${body} end $$;`;

const version = testVersions()[0] as number;

/** What FACTS saw go wrong with roles and triggers, each on a real server as roles without superuser. */
describe(`Roles and triggers, on PostgreSQL ${version}`, () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  const begin = async (sql = '', accepted: string[] = []) => {
    database = await connectedDatabase(version);
    await database.sql(schema + sql);
    run = new LocalRun(database.connection, plan(accepted));
    await run.forward('foundation');
  };

  afterEach(async () => {
    run.end();
    await database.drop();
  });

  const clientAs = async (role: string, sql = ''): Promise<Client> => {
    await ensureRole(version, role);
    await database.sql(`grant usage on schema public to ${role}; ${sql}`);
    const client = new Client({ connectionString: database.url(role) });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

  const filled = async () =>
    (await database.sql('select count(uuid_id)::int as n from people'))[0]?.n as number;

  /** Rejects as RekeyError: what an operator reads. */
  const failure = async (work: Promise<unknown>): Promise<RekeyError> => {
    const error = await work.then(
      () => null,
      (e) => e,
    );
    expect(error).toBeInstanceOf(RekeyError);
    return error as RekeyError;
  };

  it('rows that row security hides from Rekey are an error and never a smaller count, in the backfill and in validation', async () => {
    await begin(
      `create policy own on people using (tenant = 'a'); alter table people enable row level security`,
    );
    await database.sql('alter table people force row level security');
    expect(await failure(run.forward('main', 'preflight'))).toMatchObject({
      type: 'Hazard',
      code: 'forced-row-security',
      message: expect.stringContaining('forced-row-security on people'),
      remedy: expect.stringMatching(/no force row level security.*resolve preflight with retry/),
    });
    await database.sql('alter table people no force row level security');
    // where somebody switches it on after that look
    run.caller = async ({ activity, call }) => {
      if (activity === 'mapRange') await database.sql('alter table people force row level security');
      return call();
    };
    const stopped = {
      type: 'StepFailed',
      code: 'row-security.hides-rows',
      remedy: expect.stringMatching(/no force row level security.*retry/),
    };
    expect(await failure(run.forward('main', 'map'))).toMatchObject(stopped);
    await database.sql('alter table people no force row level security');
    run.caller = ({ call }) => call();
    expect(await filled()).toBe(0);
    const ref = await run.forward('main', 'buildTwins');
    expect(await filled()).toBe(90);
    await database.sql('alter table people force row level security');
    expect(await failure(run.validate(ref, 'before-swap'))).toMatchObject(stopped);
  }, 60_000);

  it('clients that own nothing write before and after the cutover, and what they may not read is looked up for them', async () => {
    await begin(
      `create policy own on people using (tenant = current_setting('app.tenant', true)); alter table people enable row level security`,
    );
    const grants = 'insert, select (ref), update (ref, person_id) on posts';
    const writer = await clientAs(
      'fire_writer',
      `grant ${grants} to fire_writer; grant usage on sequence posts_id_seq to fire_writer`,
    );
    const tenant = await clientAs(
      'fire_tenant',
      'grant insert, select, update on posts to fire_tenant; grant select on people to fire_tenant; grant usage on sequence posts_id_seq to fire_tenant',
    );
    try {
      await run.forward('main', 'addColumns');
      await writer.query(`insert into posts (ref, person_id) values ('before', 4)`);
      await run.forward('main');
      // one role has no right on the parent, from the other row security hides it
      await expect(writer.query('select from people')).rejects.toMatchObject({ code: '42501' });
      expect((await tenant.query('select from people')).rowCount).toBe(0);
      const [four] = await database.sql(`select id from people where ref = 'p4'`);
      const [five] = await database.sql(`select id from people where ref = 'p5'`);
      await writer.query(`insert into posts (ref, person_id) values ('by the writer', $1)`, [four?.id]);
      await tenant.query(`insert into posts (ref, person_id) values ('by the tenant', $1)`, [four?.id]);
      await tenant.query(`update posts set person_id = $1 where ref = 'x3'`, [five?.id]);
      const legacy = `select ref, legacy_person_id as id from posts where ref in ('before', 'by the writer', 'by the tenant', 'x3') order by ref`;
      expect(await database.sql(legacy)).toEqual([
        { ref: 'before', id: 4 },
        { ref: 'by the tenant', id: 4 },
        { ref: 'by the writer', id: 4 },
        { ref: 'x3', id: 5 },
      ]);
      // what applications may ask for is granted to whoever has a right on a moved table, and nothing else is
      for (const client of [writer, tenant]) {
        const { rows } = await client.query(
          `select rekey.new_key('people', 4) = $1 as new, rekey.old_key('people', $1) = 4 as old, (select count(*) from rekey.flags) = 0 as flags`,
          [four?.id],
        );
        expect(rows).toEqual([{ new: true, old: true, flags: true }]);
        await expect(client.query('select from rekey.uuid_migration_mapping')).rejects.toMatchObject({
          code: '42501',
        });
      }
    } finally {
      await writer.end();
      await tenant.end();
    }
  }, 60_000);

  it("rows that row security hides from Rekey's role after the cutover cost no client's write, and the way back has their integers once it is off", async () => {
    await begin(
      `create policy own on people using (tenant = 'a'); alter table people enable row level security`,
    );
    await run.forward('main');
    const app = await database.app();
    // of a person that the mapping does not have yet
    await database.sql(`insert into people (ref, tenant) values ('late', 'b')`);
    const [late] = await database.sql(`select id, legacy_id from people where ref = 'late'`);
    await database.sql('alter table people force row level security');
    await app.query(`insert into posts (ref, person_id) values ('hidden', $1)`, [late?.id]);
    expect(await database.sql(`select legacy_person_id as id from posts where ref = 'hidden'`)).toEqual([
      { id: null },
    ]);
    const refused = await run.back('main').catch((error: Error) => error);
    expect(String(refused)).toMatch(/people/);
    await database.sql('alter table people no force row level security');
    await run.back('main');
    expect(await database.sql(`select person_id as id from posts where ref = 'hidden'`)).toEqual([
      { id: late?.legacy_id },
    ]);
  }, 60_000);

  it("a client's own functions and operators never run with the rights of Rekey's role", async () => {
    await begin();
    await ensureRole(version, 'fire_evil');
    await database.sql('create schema evil; grant create, usage on schema evil to fire_evil');
    const evil = await clientAs(
      'fire_evil',
      'grant insert, select on posts to fire_evil; grant usage on sequence posts_id_seq to fire_evil',
    );
    try {
      await evil.query(`create function evil.spy(uuid, uuid) returns boolean language plpgsql as $$ begin
          raise exception 'ran as %', current_user; end $$;
        create operator evil.= (leftarg = uuid, rightarg = uuid, function = evil.spy);
        create function evil.spy_int(integer, integer) returns boolean language plpgsql as $$ begin
          raise exception 'ran as %', current_user; end $$;
        create operator evil.= (leftarg = integer, rightarg = integer, function = evil.spy_int);
        set search_path = evil, pg_catalog, public`);
      await run.forward('main', 'addColumns');
      await evil.query(`insert into public.posts (ref, person_id) values ('before', 4)`);
      await run.forward('main');
      const [four] = await database.sql(`select id from people where ref = 'p4'`);
      await evil.query(`insert into public.posts (ref, person_id) values ('after', $1)`, [four?.id]);
      expect(
        await database.sql(`select legacy_person_id as id from posts where ref in ('before', 'after')`),
      ).toEqual([{ id: 4 }, { id: 4 }]);
      const open = await database.sql(
        `select p.proname from pg_proc p where p.pronamespace = 'rekey'::regnamespace and p.prosecdef
           and coalesce(array_to_string(p.proconfig, ' '), '') !~ 'search_path=pg_catalog, (.*, )?pg_temp'`,
      );
      expect(open).toEqual([]);
    } finally {
      await evil.end();
    }
  }, 60_000);

  it("what the application's own BEFORE trigger makes of a key is what the shadow says, as the sync trigger sees the row last", async () => {
    await begin(
      `update posts set person_id = 3 where ref = 'x10';
       ${inTrigger('moving', 'if new.person_id = 3 then new.person_id := 4; end if; return new;')}
       create trigger zz_moving before insert or update on posts for each row execute function moving();`,
      ['zz_moving on posts'],
    );
    await run.forward('main', 'addColumns');
    const app = await database.app();
    await app.query(`insert into posts (ref, person_id) values ('moved', 3)`);
    await app.query(`update posts set person_id = 3 where ref = 'x9'`);
    // names no key at all: the application's trigger changes one, and every update is looked at
    await app.query(`update posts set ref = 'x10 renamed' where ref = 'x10'`);
    await app.query(`update posts set ref = 'x11 renamed' where ref = 'x11'`);
    expect(
      await database.sql(
        `select ref, person_id, rekey.key_people(person_id) = person_id_uuid as fits from posts where ref like '% renamed' or ref in ('moved', 'x9') order by 1`,
      ),
    ).toEqual([
      { ref: 'moved', person_id: 4, fits: true },
      { ref: 'x10 renamed', person_id: 4, fits: true },
      { ref: 'x11 renamed', person_id: 1, fits: true },
      { ref: 'x9', person_id: 4, fits: true },
    ]);
  }, 60_000);

  it('a row that refers to itself, or to one of the same statement, has the right integer after the cutover', async () => {
    await begin();
    await run.forward('main');
    const app = await database.app();
    const key = (n: number) => `${n}${n}${n}${n}${n}${n}${n}${n}-1111-4111-8111-111111111111`;
    await app.query(`insert into people (id, ref, boss_id) values ('${key(1)}', 'own boss', '${key(1)}')`);
    await app.query(
      `insert into people (id, ref, boss_id) values ('${key(2)}', 'boss', null), ('${key(3)}', 'of the boss', '${key(2)}')`,
    );
    await app.query(`update people set boss_id = id where ref = 'p5'`);
    const bosses = `select p.ref, b.ref as boss from people p join people b on`;
    const those = `where p.ref in ('own boss', 'of the boss', 'p5') order by 1`;
    const expected = [
      { ref: 'of the boss', boss: 'boss' },
      { ref: 'own boss', boss: 'own boss' },
      { ref: 'p5', boss: 'p5' },
    ];
    expect(await database.sql(`${bosses} b.legacy_id = p.legacy_boss_id ${those}`)).toEqual(expected);
    await run.back('main');
    expect(await database.sql(`${bosses} b.id = p.boss_id ${those}`)).toEqual(expected);
  }, 60_000);

  // RI triggers fire by name, and names are OIDs as text: 99999 comes after 100000
  it.each(['before', 'after'])(
    "the twin foreign keys' actions end as the integers' do where they fire %s them, deferred ones as well",
    async (order) => {
      await begin();
      await run.forward('main', 'buildTwins');
      await database.superuser(`set allow_system_table_mods = on;
        update pg_trigger t set tgname = 'RI_ConstraintTrigger_' || case when k.conname like '%_uuid' then '${order === 'before' ? 'a_1' : 'a_9'}' else 'a_5' end || t.oid
          from pg_constraint k where k.oid = t.tgconstraint and t.tgrelid = 'people'::regclass;
        update pg_class set relname = relname where oid in ('people'::regclass, 'posts'::regclass)`);
      const app = await database.app();
      await app.query(`update posts set cascaded = null where ref in ('x7', 'x8')`);
      await app.query(`delete from people where ref = 'p7'`);
      await app.query(
        `begin; delete from people where ref = 'p8'; delete from people where ref = 'p9'; commit`,
      );
      const who = (column: string) =>
        `(select ref from people where id = x.${column}) as ${column}, (select ref from people where uuid_id = x.${column}_uuid) as ${column}_twin`;
      const gone = {
        nulled: null,
        nulled_twin: null,
        fallen: 'p1',
        fallen_twin: 'p1',
        late: 'p1',
        late_twin: 'p1',
      };
      expect(
        await database.sql(
          `select ref, ${['nulled', 'fallen', 'late'].map(who).join(', ')} from posts x where ref in ('x7', 'x8', 'x9') order by ref`,
        ),
      ).toEqual([
        { ref: 'x7', ...gone },
        { ref: 'x8', ...gone },
      ]);
    },
    60_000,
  );

  const noisy = `create table audit (at timestamptz default now(), what text);
    grant insert on audit to app_rw;
    ${inTrigger('touch', 'new.touched := old.touched + 1; return new;')}
    ${inTrigger('note', `insert into public.audit (what) values (tg_op || ' ' || new.ref); return null;`)}
    ${inTrigger('tell', `perform pg_notify('people_changed', new.ref); return null;`)}
    create trigger updated_at before update on people for each row execute function touch();
    create trigger audited after insert or update on people for each row execute function note();
    create trigger told after insert or update on people for each row execute function tell();
    create trigger audited after update on posts for each row execute function note();`;
  const triggers = ['audited on people', 'told on people', 'updated_at on people', 'audited on posts'];

  /** What the application's triggers did meanwhile. */
  const noise = async (listener: Client, heard: string[]) => {
    // whatever was notified before is delivered before this one
    await database.sql(`notify people_changed, 'the end'`);
    for (let i = 0; i < 500 && !heard.includes('the end'); i += 1) {
      await listener.query('select');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const [row] = await database.sql(
      'select (select count(*)::int from audit) as audited, (select sum(touched)::int from people) as touched',
    );
    return { ...row, heard: heard.splice(0).filter((what) => what !== 'the end').length };
  };
  const listen = async () => {
    const listener = await database.app();
    const heard: string[] = [];
    listener.on('notification', (message) => void heard.push(message.payload ?? ''));
    await listener.query('listen people_changed');
    return { listener, heard };
  };

  // before 15 only a superuser may
  if (version >= 15) {
    it("the application's triggers for updated_at, audit and NOTIFY are left alone, there and back, where Rekey's role may set session_replication_role", async () => {
      await begin(noisy);
      run.end();
      await ensureRole(version, 'rekey_replica');
      await database.superuser(`grant set on parameter session_replication_role to rekey_replica; grant pg_read_all_stats to rekey_replica;
      grant rekey_owner to rekey_replica`);
      process.env[connectionVariable('fire-replica')] = database.url('rekey_replica');
      run = new LocalRun('fire-replica', plan());
      const { listener, heard } = await listen();
      await run.forward('main');
      expect(await noise(listener, heard)).toEqual({ audited: 0, touched: 0, heard: 0 });
      const app = await database.app();
      await app.query(`update people set tenant = 'c' where ref = 'p3'`);
      expect(await noise(listener, heard)).toEqual({ audited: 1, touched: 1, heard: 1 });
      // a child before its parent: the way back has a row of its own to fill
      const key = '11111111-1111-4111-8111-111111111111';
      await app.query(`begin; insert into posts (ref, late) values ('child', '${key}');
      insert into people (id, ref) values ('${key}', 'parent'); commit`);
      expect(await noise(listener, heard)).toEqual({ audited: 2, touched: 1, heard: 1 });
      await run.back('main');
      expect(await noise(listener, heard)).toEqual({ audited: 2, touched: 1, heard: 0 });
      expect(
        await database.sql(`select p.ref from posts x join people p on p.id = x.late where x.ref = 'child'`),
      ).toEqual([{ ref: 'parent' }]);
      delete process.env[connectionVariable('fire-replica')];
    }, 60_000);
  }

  it('each of these triggers is a hazard with its name where the role may not, before anything is changed, and fires for each row where the plan accepts it', async () => {
    await begin(noisy);
    const error = await failure(run.forward('main', 'preflight'));
    expect(error.type).toBe('Hazard');
    for (const trigger of triggers) expect(error.message).toContain(`trigger-fires on trigger ${trigger}`);
    expect(error.message + error.remedy).toMatch(/accept|because/);
    expect(
      await database.sql(
        `select from pg_attribute where attrelid = 'people'::regclass and attname = 'uuid_id'`,
      ),
    ).toEqual([]);
    // a phase that is open keeps its plan
    await run.back('main');
    run.end();
    run = new LocalRun(database.connection, plan(triggers));
    const { listener, heard } = await listen();
    await run.forward('main', 'map');
    expect(await noise(listener, heard)).toEqual({ audited: 150, touched: 90, heard: 90 });
  }, 60_000);
});
