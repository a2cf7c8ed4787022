import { Client } from 'pg';

/** Parameters of a connection URL that libpq reads from the environment, too. */
const variables: Record<string, string> = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslnegotiation: 'PGSSLNEGOTIATION',
  channel_binding: 'PGCHANNELBINDING',
  gssencmode: 'PGGSSENCMODE',
  options: 'PGOPTIONS',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
};

/** What the tools need of the worker's own environment. Connections of Rekey and PG* settings stay out. */
const inherited = [
  'PATH',
  'HOME',
  'USER',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'SystemRoot',
  'PGPASSFILE',
  'PGSSLROOTCERT',
];

/**
 * The environment in which pg_dump and its kin connect to `url`. The whole connection goes through it, because every
 * user of the machine can read the arguments of a program. Messages come in English, as far as the tool makes them.
 */
export function libpqEnvironment(url: string, applicationName: string): NodeJS.ProcessEnv {
  const client = new Client({ connectionString: url });
  const env: NodeJS.ProcessEnv = {};
  for (const name of inherited) if (process.env[name] !== undefined) env[name] = process.env[name];
  env.PGHOST = client.host;
  env.PGPORT = String(client.port);
  if (client.user) env.PGUSER = client.user;
  if (client.database) env.PGDATABASE = client.database;
  if (typeof client.password === 'string' && client.password !== '') env.PGPASSWORD = client.password;
  for (const [parameter, value] of parameters(url)) {
    const variable = variables[parameter];
    if (variable) env[variable] = value;
  }
  // a word of the JavaScript driver alone
  if (env.PGSSLMODE === 'no-verify') env.PGSSLMODE = 'require';
  env.PGCONNECT_TIMEOUT = '10';
  env.PGAPPNAME = applicationName;
  env.PGCLIENTENCODING = 'UTF8';
  env.LC_ALL = 'C';
  return env;
}

function parameters(url: string): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
}
