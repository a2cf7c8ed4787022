import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { originalOf } from '../../src/postgres/from-postgres.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { Scene } from './fixture.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

/** Event triggers are a superuser's. */
const made = (body: string, of: string) =>
  scene.db.superuser(`create function public.at_ddl() returns event_trigger language plpgsql as
    $$ begin ${body} end $$; create event trigger "At ddl" ${of} execute function public.at_ddl()`);

test('an event trigger of the database is noted with its name, its function and when it runs, and stops nothing', async () => {
  await made('perform 1;', `on ddl_command_end when tag in ('ALTER TABLE')`);
  const { notes, unhandled } = await scene.judged();
  expect(unhandled).toEqual([]);
  expect(notes.filter(({ hazard }) => hazard === 'event-trigger')).toMatchObject([
    {
      rank: 'note',
      on: 'event trigger At ddl',
      message: expect.stringMatching(/at_ddl runs at ddl_command_end .* one of ALTER TABLE, under the locks/),
      remedy: expect.stringContaining('alter event trigger "At ddl" disable'),
    },
  ]);
});

test('one that is disabled, or enabled for replica role only, is not noted', async () => {
  await made('perform 1;', 'on ddl_command_end');
  for (const state of ['disable', 'enable replica']) {
    await scene.db.superuser(`alter event trigger "At ddl" ${state}`);
    const { notes } = await scene.judged();
    expect(notes.filter(({ hazard }) => hazard === 'event-trigger')).toEqual([]);
  }
});

test('one that refuses what Rekey has to do is met by the trial, with its own words, before anything is changed', async () => {
  await createRekeySchema(scene.session, serverFunctions);
  await made(`raise exception 'no keys on a Saturday';`, `on ddl_command_start when tag in ('CREATE INDEX')`);
  const refused = await scene.trial().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'postgres.refused', sqlstate: 'P0001' });
  expect(originalOf(refused)).toBe('no keys on a Saturday');
  expect(
    await scene.db.sql(`select attname from pg_attribute where attname like '%uuid%' and attrelid > 16384
      and attrelid not in (select oid from pg_class where relnamespace = 'rekey'::regnamespace)`),
  ).toEqual([]);
});
