import { Client } from 'pg';
import { loadChinook, loadNorthwind } from '../data/load.js';
import { freshDatabase, type TestDatabase, testVersions } from '../servers.js';

describe.each(testVersions())('Databases that others made, on PostgreSQL %i', (version) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await freshDatabase(version);
  }, 120_000);
  afterEach(async () => database.drop());

  async function load(work: (client: Client) => Promise<void>): Promise<Record<string, number>> {
    const client = new Client({ connectionString: database.ownerUrl });
    await client.connect();
    try {
      await work(client);
      const { rows } = await client.query<{ name: string; rows: number }>(
        `select relname as name, reltuples::int as rows from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.rows]));
    } finally {
      await client.end();
    }
  }

  it('Chinook loads into any database as its owner', async () => {
    const rows = await load(loadChinook);
    expect(rows).toMatchObject({
      album: 347,
      artist: 275,
      employee: 8,
      playlist_track: 8715,
      track: 3503,
      invoice_line: 2240,
    });
    expect(Object.keys(rows).length).toBe(11);
  });

  it('Northwind loads into any database as its owner', async () => {
    const rows = await load(loadNorthwind);
    expect(rows).toMatchObject({
      orders: 830,
      order_details: 2155,
      customers: 91,
      employees: 9,
      employee_territories: 49,
    });
    expect(Object.keys(rows).length).toBe(14);
  });
});
