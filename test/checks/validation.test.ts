import { Scene } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
  await scene.forward();
});
afterEach(() => scene.close());

/** Past the sync triggers, as no client can. */
const tamper = (sql: string) =>
  scene.db.superuser(`begin; alter table orders disable trigger all; alter table people disable trigger all; ${sql};
    alter table orders enable trigger all; alter table people enable trigger all;
    alter table orders enable always trigger "~rekey_main"; alter table people enable always trigger "~rekey_main"; commit`);

describe('before the cutover', () => {
  test('a phase whose twins stand and whose shadows are filled is valid', async () => {
    expect(await scene.failures('before-swap')).toEqual([]);
  });

  test('rows that clients wrote since the map was finished are no failure', async () => {
    const app = await scene.db.app();
    await app.query(`insert into people (name, manager_id) values ('new', 1)`);
    await app.query(`update people set manager_id = 2 where id = 5`);
    await app.query(`delete from orders where id > 990 and id not in (select order_id from lines)`);
    expect(await scene.failures('before-swap')).toEqual([]);
  });

  test('a missing shadow is counted, with its key as an example', async () => {
    await tamper(
      'update orders set noted_by = noted_by; alter table orders alter person_id_uuid drop not null; update orders set person_id_uuid = null where id in (3, 4)',
    );
    expect(await scene.failures('before-swap')).toContain('shadow-missing orders.person_id: 2');
    expect(scene.findings).toContainEqual({
      check: 'shadow-missing',
      on: 'orders.person_id',
      count: 2,
      example: { id: '3' },
    });
  });

  test('a reference that leads to another row by its UUID is counted, in ranges as well', async () => {
    await tamper(
      'update orders set person_id_uuid = (select uuid_id from people where id = 77) where id in (10, 500)',
    );
    expect(await scene.failures('before-swap')).toEqual(['pairs orders.person_id: 2']);
    expect(await scene.failures('before-swap', 100)).toEqual(['pairs orders.person_id: 2']);
  });

  test('a key that is not the one that the integer gives, and one of the wrong version, are counted', async () => {
    await tamper(
      `update orders set uuid_id = gen_random_uuid() where id = 9; delete from lines where order_id = 9`,
    );
    const found = await scene.failures('before-swap');
    expect(found).toContain('key-derived orders.id: 1');
    expect(found).toContain('key-version orders.id: 1');
  });

  test('a shadow where there is no integer is counted', async () => {
    await tamper(`update people set manager_id_uuid = uuid_id where id = 3`);
    expect(await scene.failures('before-swap')).toEqual(['null-kept people.manager_id: 1']);
  });

  test('orphans under a foreign key that says it is valid are counted', async () => {
    await tamper(`delete from people where id = 200`);
    expect(await scene.failures('before-swap')).toContain('orphans orders.person_id: 5');
    expect(scene.findings.find((f) => f.check === 'orphans')?.example).toEqual({ id: '199' });
  });

  test('a twin that is missing, or has another action, is named', async () => {
    await scene.db.sql(`drop index people_manager_uuid;
      alter table orders drop constraint orders_person_id_fkey_uuid;
      alter table orders add constraint orders_person_id_fkey_uuid foreign key (person_id_uuid) references people (uuid_id) on delete set null`);
    const found = await scene.failures('before-swap');
    expect(found).toContain('twin-missing index people.people_manager: 1');
    expect(found).toContain('twin-missing foreign-key orders.orders_person_id_fkey: 1');
    expect(found).toContain('twin-not-ready index people_manager_uuid: 1');
  });

  test('an index that somebody built on integers since preflight has no twin', async () => {
    await scene.db.sql('create index orders_late on orders (person_id, noted_by)');
    expect(await scene.failures('before-swap')).toEqual(['no-twin index orders.orders_late: 1']);
  });

  test('a sync trigger that somebody disabled is named', async () => {
    await scene.db.sql('alter table orders disable trigger "~rekey_main"');
    expect(await scene.failures('before-swap')).toEqual(['sync-trigger orders: 1']);
  });
});

/** Clients that insert, update and delete until `stop`; the tables' names are the same before and after the cutover. */
async function writers(newKey: string): Promise<() => Promise<number>> {
  let running = true;
  const loops = [1, 2, 3].map(async (n) => {
    const app = await scene.db.app();
    let done = 0;
    for (let i = n * 1_000_000; running; i++) {
      await app.query(
        `insert into people (${newKey}name, manager_id) select ${newKey && 'gen_random_uuid(), '}$1, id from people where name like 'p%' order by random() limit 1`,
        [`w${i}`],
      );
      await app.query(`insert into orders (person_id, no) select id, $2::int from people where name = $1`, [
        `w${i}`,
        i,
      ]);
      await app.query(
        `update people set manager_id = (select id from people where name like 'p%' order by random() limit 1) where name = $1`,
        [`w${i - 3}`],
      );
      await app.query(`delete from people where name = $1`, [`w${i - 5}`]);
      done += 1;
    }
    return done;
  });
  return async () => {
    running = false;
    return (await Promise.all(loops)).reduce((sum, one) => sum + one, 0);
  };
}

test.each([
  ['before-swap', ''],
  ['after-swap', ''],
  ['after-swap', 'id, '],
] as const)('what clients write while it looks is no failure (%s, %s)', async (moment, newKey) => {
  if (moment === 'after-swap') await scene.swap();
  const stop = await writers(newKey);
  const found: string[] = [];
  try {
    for (const rounds of [1, 2, 3, 4, 5, 6, 7, 8])
      found.push(...(await scene.failures(moment, rounds % 2 ? undefined : 100)));
  } finally {
    expect(await stop()).toBeGreaterThan(20);
  }
  expect(found).toEqual([]);
});

describe('after the cutover', () => {
  beforeEach(() => scene.swap());

  test('the catalog is the substitution of what it was, and the data are the same', async () => {
    expect(await scene.failures('after-swap')).toEqual([]);
  });

  test('rows that clients write with UUIDs are no failure', async () => {
    const app = await scene.db.app();
    await app.query(`insert into people (id, name) values (gen_random_uuid(), 'own key')`);
    await app.query(`insert into orders (person_id, no) select id, 7000 from people where name = 'own key'`);
    expect(await scene.failures('after-swap')).toEqual([]);
  });

  test('a legacy reference that leads to another row than the UUID is counted', async () => {
    await tamper('update orders set legacy_person_id = 5 where legacy_id in (3, 4)');
    expect(await scene.failures('after-swap')).toContain('pairs orders.person_id: 1');
  });

  test.each([
    [
      'a lost comment',
      `comment on column people.id is null`,
      'object-changed column-attributes people.id: 1',
    ],
    [
      'a lost grant',
      `revoke select (person_id) on orders from app_ro`,
      'object-changed column-attributes orders.person_id: 1',
    ],
    ['a missing index', `drop index people_manager`, 'object-changed index people.people_manager: 1'],
    [
      'a foreign key with another action',
      `alter table orders drop constraint orders_person_id_fkey;
       alter table orders add constraint orders_person_id_fkey foreign key (person_id) references people`,
      'object-changed foreign-key orders.orders_person_id_fkey: 1',
    ],
    [
      'a foreign key that is not valid',
      `alter table orders drop constraint orders_person_id_fkey;
       alter table orders add constraint orders_person_id_fkey foreign key (person_id) references people on delete cascade not valid`,
      'object-changed foreign-key orders.orders_person_id_fkey: 1',
    ],
    [
      'a dropped NOT NULL',
      `alter table orders alter person_id drop not null`,
      'object-changed not-null orders.orders_person_id_not_null: 1',
    ],
  ])('%s is named', async (_, sql, failure) => {
    await scene.db.sql(sql);
    expect(await scene.failures('after-swap')).toEqual([failure]);
  });

  test('an index that is not valid is named', async () => {
    await scene.db.superuser(
      `update pg_index set indisvalid = false where indexrelid = 'people_manager'::regclass`,
    );
    expect(await scene.failures('after-swap')).toEqual(['object-changed index people.people_manager: 1']);
  });

  test('what others add on the new columns is no failure', async () => {
    await scene.db.sql('create index orders_more on orders (person_id, noted_by)');
    expect(await scene.failures('after-swap')).toEqual([]);
  });

  test('after the way back all is as it was; what is left behind or not restored is named', async () => {
    await scene.back();
    expect(await scene.failures('after-rollback')).toEqual([]);
    await scene.db.sql('alter table people add uuid_id uuid; alter table orders drop constraint orders_once');
    expect(await scene.failures('after-rollback')).toEqual([
      'object-not-restored unique-key orders.orders_once: 1',
      'left-behind column people.uuid_id: 1',
    ]);
  });
});
