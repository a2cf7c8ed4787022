import { tryTwins } from '../../src/checks/trial.js';
import { allKinds } from '../../src/kinds/all.js';
import { rekeySchemaStatements } from '../../src/postgres/rekey-schema.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { Scene } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const foundation = rekeySchemaStatements(serverFunctions);

test('a phase whose twins can all be made has no hazard, and nothing of the trial stays', async () => {
  const { hazards, statements } = await scene.trial();
  expect(hazards).toEqual([]);
  expect(statements).toBeGreaterThan(50);
  expect(
    await scene.db.sql(`select nspname from pg_namespace where nspname like 'rekey%'
      union all select attname from pg_attribute where attname like '%uuid%' and attrelid > 16384`),
  ).toEqual([]);
});

test.each([18, 15])('live tables get no lock stronger than ACCESS SHARE (PostgreSQL %i)', async (version) => {
  const other = version === 18 ? scene : await Scene.open(undefined, version);
  const { view, phase } = await other.look();
  const modes = new Set<string>();
  const watching = {
    transaction: other.session.transaction.bind(other.session),
    query: async <Row>(text: string, values?: unknown[]): Promise<Row[]> => {
      const rows = await other.session.query(text, values);
      if (other.session.inTransaction) {
        const locks = await other.session.query<{ mode: string }>(
          `select distinct l.mode from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where l.pid = pg_catalog.pg_backend_pid() and l.granted and n.nspname = 'public'`,
        );
        for (const { mode } of locks) modes.add(mode);
      }
      return rows as Row[];
    },
  };
  expect((await tryTwins(watching, view, phase, allKinds, foundation)).hazards).toEqual([]);
  expect([...modes]).toEqual(['AccessShareLock']);
  if (other !== scene) await other.close();
});

test.each([
  [
    'a check',
    'alter table people add constraint people_positive check (id > 0)',
    'constraint people_positive_uuid on people',
  ],
  ['a partial index', 'create index orders_big on orders (no) where person_id = 5', 'index orders_big_uuid'],
  ['an expression', 'create index orders_half on orders ((person_id / 2))', 'index orders_half_uuid'],
])('%s that is made for integers is named before anything is changed', async (_, sql, on) => {
  await scene.db.sql(sql);
  const { hazards } = await scene.trial();
  expect(hazards).toMatchObject([{ hazard: 'cannot-be-carried-over', rank: 'stop', on }]);
  expect(hazards[0]?.message).toMatch(/SQLSTATE 42883/);
});

test('all of them are named at once', async () => {
  await scene.db.sql(`alter table people add constraint people_positive check (id > 0);
    create index orders_big on orders (no) where person_id = 5`);
  expect((await scene.trial()).hazards.map((h) => h.on).sort()).toEqual([
    'constraint people_positive_uuid on people',
    'index orders_big_uuid',
  ]);
});

test('a second trial, where schema rekey is there, finds the same', async () => {
  await scene.forward();
  await scene.swap();
  await scene.back();
  expect((await scene.trial()).hazards).toEqual([]);
});
