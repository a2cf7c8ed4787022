import type { Client } from 'pg';
import { founded } from './founded.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: codes, tables: [codes] }
`;
const schema = `
create table codes (code integer primary key, label text not null default '', hits bigint not null default 0);
insert into codes (code, label) select n, 'c' || n from generate_series(1, 120) n;
`;

describe('Keys that are deleted and made again after the cutover', () => {
  const at = founded(plan, (database) => database.sql(schema));
  let keys: { code: string; label: string }[] = [];
  let clients: Client[] = [];

  beforeAll(async () => {
    await at.run.forward('codes');
    keys = (await at.database.sql(
      'select code::text as code, label from codes order by legacy_code',
    )) as never;
    clients = await Promise.all(Array.from({ length: 8 }, () => at.database.app()));
  }, 60_000);
  const [deletes, other] = [() => clients[0] as Client, () => clients[1] as Client];

  it('are upserted by many at once without one refusal, and each upsert counts', async () => {
    const upsert = `insert into codes (code, hits) values ($1, 1) on conflict (code) do update set hits = codes.hits + 1`;
    for (const { code } of keys.slice(0, 100)) {
      await deletes().query('delete from codes where code = $1', [code]);
      await Promise.all(clients.map((client) => client.query(upsert, [code])));
    }
    const made = keys.slice(0, 100).map(({ code }) => code);
    const [counted] = await at.database.sql(
      'select min(hits)::int as least, max(hits)::int as most, count(*)::int as rows from codes where code::text = any ($1)',
      [made],
    );
    expect(counted).toEqual({ least: clients.length, most: clients.length, rows: 100 });
  }, 60_000);

  it('are upserted while their delete is under way, by those who delete them as well, and nobody waits in a circle', async () => {
    const upsert = `insert into codes (code, label, hits) values ($1, 'again', 1) on conflict (code) do update set hits = codes.hits + 1`;
    for (const { code } of keys.slice(100, 110)) {
      await deletes().query('begin');
      await deletes().query('delete from codes where code = $1', [code]);
      const upserted = other().query(upsert, [code]);
      await deletes().query('select pg_sleep(0.05)');
      await deletes().query(upsert, [code]);
      await deletes().query('commit');
      await upserted;
      const [row] = await at.database.sql('select hits::int as hits from codes where code = $1', [code]);
      expect(row).toEqual({ hits: 2 });
    }
  }, 60_000);

  it('keep nobody waiting who would not wait: an insert that does nothing on a conflict passes a row that another holds', async () => {
    const { code } = keys[115] as { code: string };
    await deletes().query('begin');
    await deletes().query('select from codes where code = $1 for update', [code]);
    await other().query(`set statement_timeout = '2s'`);
    const { rowCount } = await other().query('insert into codes (code) values ($1) on conflict do nothing', [
      code,
    ]);
    expect(rowCount).toBe(0);
    await deletes().query('commit');
  });

  it('have their integers again after the way back, also where the delete was not over when they were made', async () => {
    const { code } = keys[119] as { code: string };
    await deletes().query('begin');
    await deletes().query('delete from codes where code = $1', [code]);
    const made = other().query(`insert into codes (code, label) values ($1, 'made meanwhile')`, [code]);
    await deletes().query('select pg_sleep(0.1)');
    await deletes().query('commit');
    await made;
    await at.run.back('codes');
    expect(await at.database.sql(`select code from codes where label = 'made meanwhile'`)).toEqual([
      { code: 120 },
    ]);
    const [codes] = await at.database.sql('select count(*)::int as rows, max(code) as highest from codes');
    expect(codes?.rows).toBe(120);
  }, 60_000);
});
