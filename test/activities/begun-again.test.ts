import { connectionVariable } from '../../src/postgres/environment.js';
import { freshDatabase, type TestDatabase } from '../servers.js';
import { LocalRun } from './local-run.js';

const plan = `
version: 1
plan: begun-again
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: visits, tables: [visits] }
  - { phase: cleanup, kind: cleanup }
`;

describe('A phase that was ended half-way', () => {
  let database: TestDatabase;
  let run: LocalRun;

  beforeEach(async () => {
    database = await freshDatabase();
    process.env[connectionVariable('again')] = database.ownerUrl;
    await database.query('create table people (id serial primary key, name text not null)');
    await database.query(
      'create table visits (id serial primary key, person_id integer not null references people)',
    );
    await database.query(`insert into people (name) select 'p' || g from generate_series(1, 20) g`);
    await database.query('insert into visits (person_id) select g from generate_series(1, 20) g');
    run = new LocalRun('again', plan);
    await run.forward('foundation');
  }, 60_000);

  afterEach(async () => {
    run.end();
    delete process.env[connectionVariable('again')];
    await database.drop();
  });

  it('and rolled back before its map was whole maps every row once when it begins again', async () => {
    let ranges = 0;
    run.caller = async ({ activity, call }) => {
      const result = await call();
      if (activity === 'mapRange' && ++ranges === 2) throw new Error('cancelled');
      return result;
    };
    await expect(run.forward('people')).rejects.toThrow('cancelled');
    run.caller = ({ call }) => call();
    await run.back('people');
    await run.forward('people');
    expect(
      await database.query(
        `select count(*)::int as rows from rekey.uuid_migration_mapping where table_name = 'people'`,
      ),
    ).toEqual([{ rows: 20 }]);
  }, 60_000);

  it('and terminated with its sync triggers in place begins again, and preflight finds nothing in the way', async () => {
    await run.forward('people', 'buildTwins');
    await run.forward('people');
    expect(
      await database.query('select count(*)::int as rows from visits v join people p on p.id = v.person_id'),
    ).toEqual([{ rows: 20 }]);
  }, 60_000);

  it('before preflight has seen the catalog is rolled back, as there is nothing to undo', async () => {
    await run.forward('people', 'opened');
    await run.back('people');
    await run.forward('people');
  }, 60_000);

  it('in its rollback is rolled back again from the first compensation', async () => {
    await run.forward('people');
    run.caller = async ({ activity, call }) => {
      const result = await call();
      if (activity === 'dropColumns') throw new Error('terminated');
      return result;
    };
    await expect(run.back('people')).rejects.toThrow('terminated');
    run.caller = ({ call }) => call();
    await run.back('people');
  }, 60_000);

  it('runs its steps before the cutover again, as after a reset, and leaves the swapped keys alone', async () => {
    const calls: (() => Promise<unknown>)[] = [];
    run.caller = ({ activity, call }) => {
      if (['addColumns', 'planMap', 'finishMap', 'buildTwins'].includes(activity)) calls.push(call);
      return call();
    };
    await run.forward('people', 'swapKeys');
    for (const call of calls) await call();
    expect(
      await database.query(
        'insert into visits (person_id) select id from people where legacy_id = 7 returning legacy_person_id',
      ),
    ).toEqual([{ legacy_person_id: 7 }]);
  }, 60_000);

  it('with its keys swapped is not undone from the middle', async () => {
    await run.forward('people');
    run.caller = async ({ activity, call }) => (activity === 'swapKeysBack' ? null : call());
    await expect(run.back('people')).rejects.toThrow('the keys of people are swapped');
  }, 60_000);

  it('as cleanup goes on where something held it up, and old keys are answered all the while', async () => {
    await run.forward('people');
    await run.forward('visits');
    const superuser = (sql: string) => database.query(sql, [], database.superuserUrl);
    await superuser(`create function hold_up() returns event_trigger language plpgsql as $$ begin
      if current_query() like '%"people" drop column%' then raise exception 'held up'; end if; end $$`);
    await superuser(
      `create event trigger hold_up on ddl_command_start when tag in ('ALTER TABLE') execute function hold_up()`,
    );
    await expect(run.forward('cleanup')).rejects.toMatchObject({ sqlstate: 'P0001' });
    const gone = `select count(*)::int as left from information_schema.columns where table_schema = 'public' and column_name like 'legacy%'`;
    expect(await database.query(gone)).toEqual([{ left: 1 }]);
    expect(
      await database.query(
        `select rekey.new_key('visits', 7) is not null as known, rekey.new_key('visits', 99) as none`,
      ),
    ).toEqual([{ known: true, none: null }]);
    await superuser('drop event trigger hold_up');
    await run.forward('cleanup');
    expect(await database.query(gone)).toEqual([{ left: 0 }]);
  }, 60_000);
});
