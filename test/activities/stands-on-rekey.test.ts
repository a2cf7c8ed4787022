import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { undoAll } from '../../activities/undo-all.js';
import { connectedDatabase } from '../postgres/database.js';
import { LocalRun } from './local-run.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
`;

test('the schema rekey is not dropped while a view, a function or a default of the application calls it: they are named, first of all where that can be told', async () => {
  const backups = mkdtempSync(join(tmpdir(), 'rekey-dependents-'));
  const before = process.env.REKEY_BACKUPS;
  process.env.REKEY_BACKUPS = backups;
  const database = await connectedDatabase();
  const run = new LocalRun(database.connection, plan);
  try {
    await database.sql('create table people (id serial primary key, boss_id integer references people)');
    await database.sql('create table tokens (person text)');
    await run.forward('foundation');
    await run.forward('people');
    await database.sql(`create view old_keys as select rekey.new_key('people', 5) as key`);
    await database.sql(
      `create function a_key() returns uuid language sql begin atomic select rekey.new_key('people', 6); end`,
    );
    await database.sql(`alter table tokens alter person set default rekey.new_key('people', 7)::text`);
    const undo = () =>
      undoAll({
        connection: database.connection,
        by: 'ann',
        foundation: true,
        signal: new AbortController().signal,
        say: () => undefined,
      });
    await expect(undo()).rejects.toMatchObject({
      code: 'foundation.in-use',
      message: expect.stringMatching(/: function public.a_key\(\), view public.old_keys$/),
    });
    const state = async () => (await database.sql(`select state from rekey.phase where phase = 'people'`))[0];
    expect(await state()).toEqual({ state: 'done' });
    await database.sql('drop view old_keys; drop function a_key()');
    await expect(undo()).rejects.toMatchObject({
      code: 'foundation.in-use',
      message: expect.stringMatching(/: default value for column person of table public.tokens$/),
    });
    expect(await state()).toEqual({ state: 'rolled-back' });
    await database.sql('alter table tokens alter person drop default');
    expect(await undo()).toMatchObject({ foundation: true });
    expect(await database.sql(`select 1 from pg_namespace where nspname = 'rekey'`)).toEqual([]);
  } finally {
    run.end();
    await database.drop();
    if (before === undefined) delete process.env.REKEY_BACKUPS;
    else process.env.REKEY_BACKUPS = before;
    rmSync(backups, { recursive: true, force: true });
  }
}, 60_000);
