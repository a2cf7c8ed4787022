import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { connectionVariable } from '../../src/postgres/environment.js';

export interface TestDatabase {
  /** name of Rekey's connection: a role that owns the database and is no superuser */
  connection: string;
  /** a client as the application's role, which owns nothing */
  app: () => Promise<Client>;
  /** runs statements as the owner, outside of what is tested */
  sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  url: (role: string) => string;
  drop: () => Promise<void>;
}

const admin = () => process.env.REKEY_PG_TEST ?? 'postgres://postgres@127.0.0.1:5918/postgres';

export async function testDatabase(): Promise<TestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const url = (role: string) => {
    const changed = new URL(admin());
    changed.username = role;
    changed.pathname = `/${name}`;
    return changed.toString();
  };
  const superuser = new Client(admin());
  await superuser.connect();
  await superuser.query(`create database ${name} owner moving`);
  const connection = name.replace('_', '-');
  process.env[connectionVariable(connection)] = url('moving');
  const open: Client[] = [];
  const client = async (role: string) => {
    const opened = new Client({ connectionString: url(role), application_name: `test ${role}` });
    opened.on('error', () => undefined);
    await opened.connect();
    open.push(opened);
    return opened;
  };
  const owner = await client('moving');
  return {
    connection,
    app: () => client('app'),
    sql: async (text, values) => (await owner.query(text, values)).rows ?? [],
    url,
    drop: async () => {
      delete process.env[connectionVariable(connection)];
      await Promise.all(open.map((each) => each.end().catch(() => undefined)));
      await superuser.query(`drop database ${name} with (force)`);
      await superuser.end();
    },
  };
}
