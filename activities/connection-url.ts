import { connectionConfig, connectionNames } from '../src/postgres/environment.js';

/** What pg_dump and pg_restore are given: the same as pg, as one URL. It stays inside the worker. */
export function connectionUrl(name: string): string {
  const config = connectionConfig(name);
  if (config.connectionString) return config.connectionString;
  const { user = '', password = '', host = 'localhost', port = 5432, database = '' } = config;
  const secret = typeof password === 'string' && password !== '' ? `:${encodeURIComponent(password)}` : '';
  return `postgres://${encodeURIComponent(user)}${secret}@${encodeURIComponent(host)}:${port}/${encodeURIComponent(database)}`;
}

/** `<connection>-scratch`: a role that has CREATEDB, for databases that are made and dropped again. */
export function scratchConnection(name: string): string | null {
  const scratch = `${name}-scratch`;
  return connectionNames().includes(scratch.toLowerCase()) ? scratch : null;
}
