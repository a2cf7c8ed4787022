import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freshDatabase, type TestDatabase, temporalForTests, testVersions } from '../servers.js';

const databases: TestDatabase[] = [];
afterAll(() => Promise.all(databases.map((database) => database.drop())));

test.each(testVersions())(
  'a fresh database on PostgreSQL %i belongs to a role without superuser',
  async (version) => {
    const database = await freshDatabase(version);
    databases.push(database);
    const [seen] = await database.query(
      `select current_setting('server_version_num')::int / 10000 as version, rolsuper, rolbypassrls, rolcreatedb,
       has_database_privilege(current_database(), 'create') as may_create,
       pg_has_role('pg_read_all_stats', 'member') as sees_statistics
     from pg_roles where rolname = current_user`,
    );
    expect(seen).toEqual({
      version,
      rolsuper: false,
      rolbypassrls: false,
      rolcreatedb: false,
      may_create: true,
      sees_statistics: true,
    });
  },
);

test('the application role may write rows but own nothing, the reading role may only read', async () => {
  const database = await freshDatabase();
  databases.push(database);
  await database.query('create table things (id serial primary key, name text)');
  const refused = { code: '42501' };
  await database.query('insert into things (name) values ($1)', ['a'], database.rwUrl);
  expect(await database.query('select * from things', [], database.roUrl)).toEqual([{ id: 1, name: 'a' }]);
  await expect(database.query('delete from things', [], database.roUrl)).rejects.toMatchObject(refused);
  await expect(database.query('create table more ()', [], database.rwUrl)).rejects.toMatchObject(refused);
  await expect(database.query('create table more ()', [], database.roUrl)).rejects.toMatchObject(refused);
});

test('the temporal command talks to the shared server, in a namespace of its own too', async () => {
  for (const ownNamespace of [false, true]) {
    const { address, namespace, cliPath } = await temporalForTests({ ownNamespace });
    const args = ['workflow', 'list', '--address', address, '--namespace', namespace, '-o', 'json'];
    const { stdout } = await promisify(execFile)(cliPath, args);
    // the common namespace has the workflows of other tests in it
    if (ownNamespace) expect(JSON.parse(stdout)).toEqual([]);
    else expect(JSON.parse(stdout)).toBeInstanceOf(Array);
  }
});
