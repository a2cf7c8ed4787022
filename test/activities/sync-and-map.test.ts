import { connectionVariable } from '../../src/postgres/environment.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { ensureRole, testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

const version = testVersions()[0] as number;
const rows = 20_000;

/** `accepted`: triggers as `name on table`, which preflight says the backfill fires. */
const plan = (accepted: string[] = []) => `version: 1
plan: guard
accept: [${accepted.map((on) => `{ hazard: trigger-fires, on: trigger ${on}, because: the test wants it so }`).join(', ')}]
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: posts, tables: [posts] }
`;

/** Posts are more than people, so that they are filled first. */
const schema = `
create table people (id serial primary key, ref text not null, n integer not null default 0);
create table posts (id serial primary key, ref text not null, person_id integer references people, next_id integer references posts, n integer not null default 0);
create index posts_person on posts (person_id);
insert into people (ref) select 'p' || n from generate_series(1, 20) n;
insert into posts (ref, person_id) select 'x' || n, n % 20 + 1 from generate_series(1, 200) n;
`;

const inTrigger = (name: string, body: string) =>
  `create function ${name}() returns trigger language plpgsql as $$ begin ${body} end $$;`;

describe(`Batches of map beside the sync trigger on PostgreSQL ${version}`, () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  const begin = async (sql: string, accepted: string[] = [], connection = '') => {
    database = await connectedDatabase(version);
    await database.sql(schema + sql);
    run = new LocalRun(connection || database.connection, plan(accepted));
  };

  afterEach(async () => {
    run.end();
    await database.drop();
  });

  /** Under replica role, where this connection's role may set it. */
  const beginAsReplica = async (sql: string, accepted: string[] = []) => {
    await begin(sql);
    run.end();
    await ensureRole(version, 'rekey_replica');
    await database.superuser(
      `grant set on parameter session_replication_role to rekey_replica; grant pg_read_all_stats to rekey_replica;
       grant rekey_owner to rekey_replica`,
    );
    process.env[connectionVariable('replica-guard')] = database.url('rekey_replica');
    run = new LocalRun('replica-guard', plan(accepted));
  };

  /** Posts whose shadow does not say what their integer says. */
  const apart = async () =>
    (
      await database.sql(
        `select count(*)::int as n from posts x left join people p on p.id = x.person_id where x.person_id_uuid is distinct from p.uuid_id`,
      )
    )[0]?.n;
  const postsOf = async (person: number) =>
    (await database.sql('select count(*)::int as n from posts where person_id = $1', [person]))[0]?.n;
  const map = async () => {
    await run.forward('foundation');
    await run.forward('people', 'map');
  };

  const moving = `${inTrigger('moving', 'if new.person_id = 3 then new.person_id := 4; end if; return new;')}
    create trigger moving before update on posts for each row execute function moving();`;

  it('are seen by it where a BEFORE trigger of the application changes an integer on the way', async () => {
    await begin(moving, ['moving on posts']);
    await map();
    expect([await postsOf(3), await postsOf(4)]).toEqual([0, 20]);
    expect(await apart()).toBe(0);
  }, 120_000);

  if (version >= 15) {
    it.each([
      ['always', 0],
      ['replica', 0],
    ])(
      'are seen by it under replica role, too, where such a trigger is enabled for it (%s)',
      async (enabled, left) => {
        await beginAsReplica(`${moving} alter table posts enable ${enabled} trigger moving`, [
          'moving on posts',
        ]);
        await map();
        expect(await postsOf(3)).toBe(left);
        expect(await apart()).toBe(0);
      },
      120_000,
    );

    it('fill the rows as they are under replica role, where the trigger does not fire', async () => {
      await beginAsReplica(moving);
      await map();
      expect(await postsOf(3)).toBe(10);
      expect(await apart()).toBe(0);
    }, 120_000);
  }

  it('leave to it what is owed, and it leaves alone what stands: a write computes a shadow that is null, or whose integer it changes', async () => {
    await begin('');
    await run.forward('foundation');
    await run.forward('people', 'addColumns');
    const key = async (person: number) =>
      (await database.sql('select rekey.key_people($1) as key', [person]))[0]?.key;
    const shadow = async () =>
      (await database.sql('select person_id_uuid as key from posts where id = 7'))[0]?.key;
    await database.sql('update posts set n = 1 where id = 7');
    expect(await shadow()).toBe(await key(8));
    // as a batch of map or a referential action of the twin does: the shadow alone
    await database.sql('update posts set person_id_uuid = rekey.key_people(9) where id = 7');
    expect(await shadow()).toBe(await key(9));
    await database.sql('update posts set n = 2 where id = 7');
    expect(await shadow()).toBe(await key(9));
    await database.sql('update posts set person_id = 10 where id = 7');
    expect(await shadow()).toBe(await key(10));
    await database.sql('update posts set person_id_uuid = null where id = 7');
    expect(await shadow()).toBeNull();
    await database.sql('update posts set person_id = null where id = 7');
    await database.sql('update posts set n = 3 where id = 7');
    expect(await shadow()).toBeNull();
  }, 120_000);

  it('are seen by it from the moment when such a trigger is made, in the middle of a range', async () => {
    await begin(
      `insert into posts (ref, person_id) select 'y' || n, n % 20 + 1 from generate_series(1, ${rows}) n`,
    );
    await run.forward('foundation');
    let made: Promise<unknown> | null = null;
    run.caller = ({ activity, call }) =>
      call({
        heartbeat: () => {
          // the second batch waits behind it, or the third
          if (activity === 'mapRange') made ??= database.sql(moving);
        },
      });
    await run.forward('people', 'map');
    await made;
    expect(await postsOf(4)).toBeGreaterThan(rows / 20 + 10);
    expect(await apart()).toBe(0);
  }, 120_000);

  it('leave what AFTER triggers write because of them to it, in the same table and in another one', async () => {
    await begin(
      `${inTrigger('spread', `update posts set person_id = old.id % 20 + 1 where person_id = old.id and ref like '%7'; return null;`)}
       create trigger spread after update on people for each row execute function spread();
       ${inTrigger('follow', 'if pg_trigger_depth() = 1 then update posts set person_id = 1 where id = new.id - 100 and person_id > 10; end if; return null;')}
       create trigger follow after update on posts for each row execute function follow();`,
      ['spread on people', 'follow on posts'],
    );
    const before = await postsOf(1);
    await map();
    expect(await postsOf(1)).toBeGreaterThan(before as number);
    expect(await apart()).toBe(0);
  }, 120_000);

  it('leave it to what deferred triggers write when they commit', async () => {
    await begin(
      `${inTrigger('later', 'update posts set person_id = 1 where id = new.id - 100 and person_id > 10; return null;')}
       create constraint trigger later after update on posts deferrable initially deferred
         for each row when (pg_trigger_depth() = 0) execute function later();`,
      ['later on posts'],
    );
    const before = await postsOf(1);
    await map();
    expect(await postsOf(1)).toBeGreaterThan(before as number);
    expect(await apart()).toBe(0);
  }, 120_000);

  it('of a second phase on the table leave the first one in step, whatever a trigger of the application does meanwhile', async () => {
    await begin(`update posts set next_id = id % 200 + 1`);
    await run.forward('foundation');
    await run.forward('people');
    await database.sql(
      `${inTrigger('moving', `if new.ref like '%3' then new.person_id := rekey.new_key('people', 4); end if; return new;`)}
       alter function moving() security definer;
       create trigger moving before update on posts for each row execute function moving();`,
    );
    run.end();
    run = new LocalRun(database.connection, plan(['moving on posts']));
    await run.forward('posts', 'map');
    const [row] = await database.sql(
      `select count(*) filter (where p.ref = 'p4')::int as moved,
         count(*) filter (where x.legacy_person_id is distinct from p.legacy_id)::int as apart,
         count(*) filter (where x.next_id_uuid is distinct from y.uuid_id)::int as "apartHere"
       from posts x join people p on p.id = x.person_id left join posts y on y.id = x.next_id`,
    );
    expect(row).toEqual({ moved: 20, apart: 0, apartHere: 0 });
  }, 120_000);

  it("call no function and no operator of the application in place of PostgreSQL's, wherever its search path has them", async () => {
    await begin(moving, ['moving on posts']);
    await run.forward('foundation');
    const trap = (name: string, args: string, result: string) =>
      `create function public.${name}(${args}) returns ${result} language plpgsql immutable as $$ begin raise 'trapped'; end $$;`;
    const traps = [
      trap('set_bit', 'bytea, integer, integer', 'bytea'),
      trap('int8send', 'bigint', 'bytea'),
      trap('width_bucket', 'bigint, bigint[]', 'integer'),
      trap('encode', 'bytea, text', 'text'),
      trap('joined', 'text, bigint', 'text'),
      'create operator public.|| (leftarg = text, rightarg = bigint, function = public.joined);',
      trap('same', 'integer, integer', 'boolean'),
      'create operator public.= (leftarg = integer, rightarg = integer, function = public.same);',
    ];
    const { name } = (await database.sql('select current_database() as name'))[0] as { name: string };
    run.caller = async ({ activity, call }) => {
      if (activity === 'planMap')
        await database.sql(
          `alter database "${name}" set search_path = public, pg_catalog; ${traps.join('')}`,
        );
      return call();
    };
    await database.sql('alter function moving() set search_path = pg_catalog, public');
    await run.forward('people', 'map');
    expect(await postsOf(3)).toBe(0);
    expect(await apart()).toBe(0);
  }, 120_000);

  it('and clients that change the same rows at the same time end with shadows that fit', async () => {
    await begin(
      `insert into posts (ref, person_id) select 'y' || n, n % 20 + 1 from generate_series(1, ${rows}) n;
       update posts set next_id = id - 1 where id > 1 and id % 3 = 0`,
    );
    const app = await database.app();
    await run.forward('foundation');
    let mapping = true;
    let changed = 0;
    const client = async () => {
      while (mapping) {
        const { rowCount } = await app.query(
          `update posts set person_id = (random() * 19)::int + 1, next_id = nullif((random() * 100)::int, 0)
           where id = any (select (random() * ${rows})::int from generate_series(1, 20))`,
        );
        changed += rowCount ?? 0;
      }
    };
    let busy: Promise<void> | null = null;
    run.caller = ({ activity, call }) => {
      if (activity === 'mapRange') busy ??= client();
      return call();
    };
    await run.forward('people', 'map');
    mapping = false;
    await busy;
    expect(changed).toBeGreaterThan(0);
    expect(await apart()).toBe(0);
  }, 120_000);
});
