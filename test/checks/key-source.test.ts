import { ensureRole } from '../servers.js';
import { Scene, shopPlan } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const found = async (name: string, text = shopPlan) => {
  const { notes, unhandled } = await scene.judged(text);
  return [...notes, ...unhandled].filter((h) => h.hazard === name).map((h) => [h.rank, h.on]);
};

test('a role that may insert and not ask the sequence is named, as each insert would be refused after the cutover', async () => {
  await ensureRole(18, 'loader_without_sequence');
  await scene.db.sql(
    'grant usage on schema public to loader_without_sequence; grant insert (id, name) on people to loader_without_sequence',
  );
  expect(await found('sequence-not-granted')).toEqual([['accept', 'people for loader_without_sequence']]);
  await scene.db.sql('grant usage on sequence people_id_seq to loader_without_sequence');
  expect(await found('sequence-not-granted')).toEqual([]);
});

test('a key that no sequence is known for is noted, as its application may count for itself', async () => {
  await scene.db.sql('alter table people alter id drop default; alter sequence people_id_seq owned by none');
  expect(await found('key-without-sequence')).toEqual([['note', 'people']]);
});

test('upserts on a key that the application gives make the plan choose, those on a key from a sequence do not', async () => {
  const asks = shopPlan.replace('twins: early', 'twins: ask');
  await scene.db.sql(`create function hit(i integer) returns void language sql as $$
    insert into people (id, name) values (i, 'x') on conflict (id) do update set name = people.name || 'x' $$`);
  const named = async () => (await found('unique-twin-upsert', asks)).filter(([, on]) => on === 'people');
  expect(await named()).toEqual([]);
  await scene.db.sql('alter table people alter id drop default; alter sequence people_id_seq owned by none');
  expect(await named()).toEqual([['accept', 'people']]);
});

test('a function of another role that takes the type of a key is named, as sessions keep it', async () => {
  await ensureRole(18, 'keeps_types');
  await scene.db.superuser(`create function kept() returns integer language plpgsql as $$
    declare v public.people . "id" %TYPE; begin return v; end $$; alter function kept() owner to keeps_types`);
  expect(await found('kept-type')).toEqual([['accept', 'function public.kept()']]);
});
