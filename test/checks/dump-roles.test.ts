import { dumpRoles } from '../../src/checks/hazards/dump-roles.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { Scene } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const noted = async () => (await dumpRoles(scene.session)).map(({ on }) => on);
const all = (
  schema: string,
) => `grant usage on schema ${schema} to app_ro; grant select on all tables in schema ${schema} to app_ro;
  grant select on all sequences in schema ${schema} to app_ro`;

test('a role that can dump the whole database until schema rekey is there is noted, with what to do', async () => {
  await scene.db.sql(all('public'));
  expect(await dumpRoles(scene.session)).toMatchObject([
    {
      hazard: 'dump-role',
      rank: 'note',
      on: expect.stringMatching(/\bapp_ro\b/),
      remedy: expect.stringContaining('pg_dump -N rekey'),
    },
  ]);
  await createRekeySchema(scene.session);
  expect((await noted()).join()).toContain('app_ro');
});

test('one that lacks a table or a schema of others is not, nor anybody where there is nothing', async () => {
  expect((await noted()).join()).not.toContain('app_ro');
  await scene.db.sql(`${all('public')}; create schema other; create table other.one ()`);
  expect((await noted()).join()).not.toContain('app_ro');
  await scene.db.sql(all('other'));
  expect((await noted()).join()).toContain('app_ro');
  await scene.db.sql('drop table lines, orders, people; drop schema other cascade');
  expect(await noted()).toEqual([]);
});
