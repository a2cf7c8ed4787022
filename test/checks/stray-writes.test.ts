import { strayWrites, strayWritesOf } from '../../src/checks/hazards/stray-writes.js';
import { batchSql } from '../../src/substitution/map.js';
import { Scene, shopPlan } from './fixture.js';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

const adopted = shopPlan.replace(
  '[people, orders]',
  '[people, orders, { table: profiles, key: { adopt: person_id, as: id } }]',
);

describe('The statements of a phase before its cutover', () => {
  it('write shadows and the schema rekey, and nothing else, a key that is looked up in another table included', async () => {
    await scene.db.sql(`create table profiles (id serial primary key, person_id integer not null unique references people);
      create table badges (id text primary key, profile_id integer references profiles, note text default 'update x set y = 1')`);
    const context = await scene.look(adopted);
    const texts = context.statements.addColumns.up.map((w) => w.text).join('\n');
    expect(texts).toMatch(/select rekey\..* from "public"\."profiles"/);
    expect(await strayWrites(context)).toEqual([]);
  });

  it.each([
    [
      'a column of the application',
      (t: string) => t.replace('set "uuid_id"', 'set "name" = null, "uuid_id"'),
      '"public"."people"."name"',
    ],
    [
      'another table',
      (t: string) => t.replaceAll('"public"."people" t set', '"public"."lines" t set'),
      '"public"."lines"."uuid_id"',
    ],
    ['rows of a table', () => 'insert into "public"."people" select 1', '"public"."people"'],
    ['fewer rows', () => 'with gone as (delete from people returning 1) select 1', 'people'],
    [
      'an integer, in a trigger',
      () =>
        'create or replace function rekey.f() returns trigger as $rekey$ begin new."manager_id" := 1; end $rekey$',
      '"manager_id"',
    ],
    [
      'an integer, after a look-up',
      () =>
        'update "public"."people" t set "uuid_id" = (select p.a from b p where p.x = t.y), "manager_id" = 2',
      '"public"."people"."manager_id"',
    ],
  ])('that write %s are found', async (_, tamper, on) => {
    const { view } = await scene.look(shopPlan);
    const text = batchSql(view, 'people', false);
    expect(strayWritesOf(view, text)).toEqual([]);
    expect(strayWritesOf(view, tamper(text))).toContain(on);
  });
});
