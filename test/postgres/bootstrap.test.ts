import { createRekeySchema, grantReaders, rekeySchemaVersionOf } from '../../src/postgres/bootstrap.js';
import { openSession, withSession } from '../../src/postgres/connect.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

let database: ConnectedDatabase;
let session: Session;
beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
  await createRekeySchema(session);
});
afterAll(async () => {
  await session.close();
  await database.drop();
});

test('the schema rekey can be created again, by two sessions at once, and stays as it was', async () => {
  const columns = () =>
    database.sql(
      `select table_name, column_name, data_type from information_schema.columns where table_schema = 'rekey' order by 1, 2`,
    );
  const before = await columns();
  await Promise.all(
    ['one', 'two'].map((who) => withSession(database.connection, who, (other) => createRekeySchema(other))),
  );
  expect(await columns()).toEqual(before);
  expect(before.length).toBeGreaterThan(80);
  expect(await rekeySchemaVersionOf(session)).toBe(1);
});

test('a schema that a newer Rekey wrote is refused', async () => {
  await database.sql(`update rekey.setting set value = '99' where name = 'schema-version'`);
  await expect(createRekeySchema(session)).rejects.toMatchObject({
    code: 'rekey.newer-schema',
    type: 'BadInput',
  });
  await database.sql(`update rekey.setting set value = '1' where name = 'schema-version'`);
});

describe('new_key and old_key', () => {
  const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

  beforeAll(async () => {
    await database.sql(`create table public."Order" (id integer primary key, uuid_id uuid unique)`);
    await database.sql(`insert into public."Order" values (1, '${uuid(1)}'), (2, '${uuid(2)}')`);
    await database.sql(
      `create table rekey.mapping_order partition of rekey.uuid_migration_mapping for values in ('Order')`,
    );
    await database.sql(
      `insert into rekey.uuid_migration_mapping values ('Order', 1, '${uuid(1)}'), ('Order', 9, '${uuid(9)}')`,
    );
    await database.sql(`insert into rekey.key_location values ('Order', 'public', 'Order', 'id', 'uuid_id')`);
  });

  test('answer from the mapping, for deleted rows too, else from the table, and null where no such row was', async () => {
    const ask = async (text: string, key: unknown) =>
      Object.values((await session.one(`select rekey.${text} as answer`, [key])) as object)[0];
    expect(await ask(`new_key('Order', $1::bigint)`, 1)).toBe(uuid(1));
    expect(await ask(`new_key('Order', $1::bigint)`, 2)).toBe(uuid(2));
    expect(await ask(`new_key('Order', $1::bigint)`, 9)).toBe(uuid(9));
    expect(await ask(`new_key('Order', $1::bigint)`, 3)).toBeNull();
    expect(await ask(`new_key('nothing', $1::bigint)`, 3)).toBeNull();
    expect(await ask(`old_key('Order', $1::uuid)`, uuid(2))).toBe('2');
    expect(await ask(`old_key('Order', $1::uuid)`, uuid(9))).toBe('9');
    expect(await ask(`old_key('Order', $1::uuid)`, uuid(3))).toBeNull();
  });

  test('are open to roles that were granted them, and to nobody else', async () => {
    const app = await database.app();
    await expect(app.query(`select rekey.new_key('Order', 2)`)).rejects.toMatchObject({ code: '42501' });
    await grantReaders(session, ['app_rw']);
    const { rows } = await app.query(
      `select rekey.new_key('Order', 2) as key, (select count(*) from rekey.flags) as flags`,
    );
    expect(rows).toEqual([{ key: uuid(2), flags: '0' }]);
    await expect(app.query('select * from rekey.journal')).rejects.toMatchObject({ code: '42501' });
    await expect(app.query(`select rekey.key_location_now('Order')`)).rejects.toMatchObject({
      code: '42501',
    });
  });

  test('answer a client whose statement waited while the columns were renamed under it', async () => {
    const app = await database.app();
    let asked: Promise<{ rows: { key: string }[] }> | undefined;
    await session.transaction(async () => {
      await session.execute('lock table public."Order" in access exclusive mode');
      asked = app.query(`select rekey.new_key('Order', 2) as key`);
      await new Promise((resolve) => setTimeout(resolve, 200));
      await session.execute('alter table public."Order" rename column id to legacy_id');
      await session.execute('alter table public."Order" rename column uuid_id to id');
      await session.execute(
        `update rekey.key_location set old_column = 'legacy_id', new_column = 'id' where table_name = 'Order'`,
      );
    });
    expect((await asked)?.rows).toEqual([{ key: uuid(2) }]);
  });

  test('still answer from the mapping when the integers are gone', async () => {
    await database.sql(`alter table public."Order" drop column legacy_id`);
    await database.sql(`update rekey.key_location set old_column = null where table_name = 'Order'`);
    const row = await session.one(
      `select rekey.new_key('Order', 1) as known, rekey.new_key('Order', 2) as unknown`,
    );
    expect(row).toEqual({ known: uuid(1), unknown: null });
  });
});
