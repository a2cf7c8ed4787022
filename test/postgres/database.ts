import { Client } from 'pg';
import { connectionVariable } from '../../src/postgres/environment.js';
import { freshDatabase, type SharedPostgres } from '../servers.js';

export interface ConnectedDatabase {
  /** name of Rekey's connection: a role that owns the database and is no superuser */
  connection: string;
  ownerUrl: string;
  url: (role: string) => string;
  /** a client as the application's role, which owns nothing; ended by drop */
  app: () => Promise<Client>;
  /** runs statements as the owner, on a connection that is not tested */
  sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  /** the same as superuser, for what the owner may not set up */
  superuser: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  drop: () => Promise<void>;
}

/** A new database and a connection of Rekey's to it. */
export async function connectedDatabase(on?: number | SharedPostgres): Promise<ConnectedDatabase> {
  const database = await freshDatabase(on);
  const connection = database.name.replaceAll('_', '-');
  process.env[connectionVariable(connection)] = database.ownerUrl;
  const open: Client[] = [];
  const client = async (url: string) => {
    const opened = new Client({ connectionString: url, application_name: 'test client' });
    opened.on('error', () => undefined);
    await opened.connect();
    open.push(opened);
    return opened;
  };
  const owner = await client(database.ownerUrl);
  return {
    connection,
    ownerUrl: database.ownerUrl,
    url: database.url,
    app: () => client(database.rwUrl),
    sql: async (text, values) => (await owner.query(text, values)).rows ?? [],
    superuser: (text, values) => database.query(text, values, database.superuserUrl),
    drop: async () => {
      delete process.env[connectionVariable(connection)];
      await Promise.all(open.map((each) => each.end().catch(() => undefined)));
      await database.drop();
    },
  };
}
