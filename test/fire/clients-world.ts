import { Client } from 'pg';
import { type ClientUrls, createClientTables } from '../../chaos/clients/database.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { sharedPostgres } from '../servers.js';

/** The shop in a database of its own on the shared server, and Rekey's connection to it. */
export interface ClientsWorld {
  urls: ClientUrls;
  connection: string;
  superuser<Row>(sql: string): Promise<Row[]>;
  drop(): Promise<void>;
}

export async function clientsWorld(version: number, rows = 60): Promise<ClientsWorld> {
  const { superuserUrl } = await sharedPostgres(version);
  const name = `shop_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  const urls = await createClientTables(superuserUrl, name, { rows, seed: 3, password: 'for-tests-only' });
  const connection = name.replaceAll('_', '-');
  process.env[connectionVariable(connection)] = urls.owner;
  return {
    urls,
    connection,
    superuser: (sql) => once(urls.superuser, sql),
    drop: async () => {
      delete process.env[connectionVariable(connection)];
      await once(superuserUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

async function once<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
