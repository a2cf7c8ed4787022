import { Scene } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

/** That the backfill fires them is another matter. */
const named = async () => (await scene.stops()).filter((name) => !name.startsWith('trigger-fires '));

const history = 'create table people_history (id integer, name text, manager_id integer)';
const fn = (body: string) =>
  `${history}; create function remember() returns trigger language plpgsql as $$ begin ${body}; return null; end $$`;
const each =
  'create trigger remember after insert or update on people for each row execute function remember()';
const fresh = `create trigger remember after insert on people referencing new table as "Fresh" for each statement execute function remember()`;

test.each([
  ['values (new.*)', 'insert into people_history values (new.*)', each],
  ['select new.*', 'insert into people_history select new.*', each],
  ['select (old).*', 'insert into people_history select (old).*', each],
  ['a transition table', 'insert into people_history select * from "Fresh"', fresh],
])('a trigger that keeps whole rows by %s is named, as the table gets columns', async (_, body, trigger) => {
  await scene.db.sql(`${fn(body)}; ${trigger}`);
  expect(await named()).toEqual(['trigger-whole-rows trigger remember on people']);
});

test.each([
  ['an assignment', `if new.id is null then new.id := nextval('numbers'); end if`],
  ['select into', `select coalesce(max(id), 0) + 1 into new."id" from people`],
])(
  'a trigger that numbers the key by %s is named, as the key is a uuid after the cutover',
  async (_, body) => {
    await scene.db.sql(`create sequence numbers; create function number() returns trigger language plpgsql as $$ begin ${body}; return new; end $$;
    create trigger number before insert on people for each row execute function number()`);
    expect(await named()).toEqual(['trigger-numbers-key trigger number on people']);
  },
);

test('a trigger that names its columns, and counts something else, is none of this', async () => {
  await scene.db.sql(`alter table people add version integer;
    ${fn('insert into people_history (id, name) values (new.id, new.name)')}; ${each};
    create function bump() returns trigger language plpgsql as $$ begin new.version := (select max(version) from people); return new; end $$;
    create trigger bump before insert on people for each row execute function bump()`);
  expect(await named()).toEqual([]);
});
