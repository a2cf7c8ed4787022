import { LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { rekey } from './run.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: cleanup, kind: cleanup }
`;
const schema = `
create table people (id serial primary key, boss_id integer references people, "Note" text);
insert into people (boss_id) select nullif(n / 3, 0) from generate_series(1, 30) n;
`;

describe('rekey doctor, after a cutover', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase(testVersions()[0] as number);
    await database.sql(schema);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
    await run.forward('people');
  }, 60_000);
  afterAll(async () => {
    run.end();
    await database.drop();
  });

  const doctor = (url: string, ...options: string[]) =>
    rekey(['doctor', 'shop', ...options], { REKEY_CONNECTION_SHOP: url, TEMPORAL_ADDRESS: '127.0.0.1:9' });
  const ills = async () => {
    const { code, stdout } = await doctor(database.ownerUrl, '--json');
    return { code, ills: JSON.parse(stdout).ills as string[] };
  };

  it('prints one command that puts right all triggers of a table that are off', async () => {
    expect(await ills()).toEqual({ code: 0, ills: [] });
    // a second one of the same function, as tables have whose key others adopt
    const [own] = await database.sql(
      `select pg_get_triggerdef(g.oid) as made, quote_ident(tgname) as name from pg_trigger g join pg_proc f on f.oid = tgfoid
       where tgrelid = 'people'::regclass and f.pronamespace = 'rekey'::regnamespace and not tgisinternal`,
    );
    await database.sql(String(own?.made).replace(String(own?.name), '"A ""second"""'));
    await database.sql('alter table people disable trigger user');
    const found = await ills();
    expect(found.code).toBe(1);
    expect(found.ills).toEqual([
      expect.stringContaining('not ENABLE ALWAYS, so that rows are written past Rekey'),
    ]);
    const [command] = /alter table .*(?=, then let the phase validate)/.exec(found.ills[0] ?? '') ?? [];
    await database.sql(command ?? '');
    expect(await ills()).toEqual({ code: 0, ills: [] });
    await database.sql('drop trigger "A ""second""" on people');
  });

  it('names a sync trigger that somebody has dropped, and what then puts the rows right', async () => {
    const [own] = await database.sql(
      `select pg_get_triggerdef(oid) as made, quote_ident(tgname) as name from pg_trigger
       where tgrelid = 'people'::regclass and tgname = '~rekey_people'`,
    );
    await database.sql(`drop trigger ${own?.name} on people`);
    const found = await ills();
    expect(found.code).toBe(1);
    expect(found.ills).toEqual([
      expect.stringMatching(
        /^the sync trigger of people on public\.people is gone.*a way back makes it again/,
      ),
    ]);
    await database.sql(`${own?.made}; alter table people enable always trigger ${own?.name}`);
    expect(await ills()).toEqual({ code: 0, ills: [] });
  });

  it('says of a phase that is done, and whose keys are integers, that the database was taken back', async () => {
    const set = (cutOver: boolean) =>
      database.sql(`update rekey.phase set cut_over = ${cutOver} where phase = 'people'`);
    await set(false);
    expect((await ills()).ills).toContainEqual(
      expect.stringMatching(/^phase people is done, and its keys are not swapped: .*rekey undo/),
    );
    await set(true);
    expect(await ills()).toEqual({ code: 0, ills: [] });
  });

  it('calls a way back ill that somebody has closed', async () => {
    await database.sql('create table badges (person_id uuid references people)');
    const found = await ills();
    expect(found.code).toBe(1);
    expect(found.ills).toEqual([expect.stringMatching(/^the way back of phase people is closed: .*badges/)]);
    await database.sql('drop table badges');
    expect((await ills()).code).toBe(0);
  });

  it('tells a role that may not read the schema rekey whose it is', async () => {
    const { code, stdout, stderr } = await doctor(database.url('app_rw'));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/the role \w+ may not read the schema rekey, which belongs to \w+/);
    expect(stderr).toMatch(/grant \w+ to \w+/);
  });

  it('has nothing against a phase that cleanup has finished', async () => {
    await run.forward('cleanup');
    expect(await ills()).toEqual({ code: 0, ills: [] });
    // its list of phases and what can be done say the same
    const { stdout } = await doctor(database.ownerUrl);
    expect(stdout).toMatch(/^ +foundation +done +can NOT be undone: cleanup can't be$/m);
    expect(stdout).toMatch(/undo +nothing, as cleanup can not be undone/);
  }, 60_000);
});
