import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { RekeyError } from '../errors.js';

const prefix = 'REKEY_CONNECTION_';

type Environment = Record<string, string | undefined>;

/** The variable that holds a connection: `REKEY_CONNECTION_` and the name in upper case, `-` as `_`. */
export function connectionVariable(name: string): string {
  return prefix + name.toUpperCase().replaceAll('-', '_');
}

/** The names that exist, as a plan or a command would write them. */
export function connectionNames(environment: Environment = process.env): string[] {
  return Object.keys(environment)
    .filter((key) => key.startsWith(prefix) && key.length > prefix.length && environment[key])
    .map((key) => key.slice(prefix.length).toLowerCase().replaceAll('_', '-'))
    .sort();
}

/**
 * Settings of pg for a connection's name. The variable holds a URL (`postgres://...`) or `service=NAME` of a
 * pg_service.conf. Throws BadInput `connection.unknown`, which names the connections that exist and never their URLs.
 */
export function connectionConfig(name: string, environment: Environment = process.env): ClientConfig {
  const value = /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) ? environment[connectionVariable(name)] : undefined;
  if (!value) {
    const names = connectionNames(environment);
    throw new RekeyError('BadInput', {
      code: 'connection.unknown',
      message: `there is no connection '${name.slice(0, 60)}'; known are: ${names.join(', ') || 'none'}`,
      remedy: `Set ${connectionVariable(name.slice(0, 60))} in the environment of the worker, or use one of the known names.`,
    });
  }
  const service = /^service[=:]\s*(\S+)$/.exec(value.trim())?.[1];
  if (service) return serviceConfig(name, service, environment);
  if (!/^postgres(ql)?:\/\//.test(value)) throw malformed(name);
  try {
    const url = libpqSemantics(value);
    // pg parses a URL in its constructor; a bad one must fail here, without its text
    new Client({ connectionString: url });
    return { connectionString: url };
  } catch {
    throw malformed(name);
  }
}

/** Environment variables for pg_dump, pg_restore and psql: passwords never stand in an argument list. */
export function toolEnvironment(
  name: string,
  environment: Environment = process.env,
): Record<string, string> {
  const config = connectionConfig(name, environment);
  const client = new Client(config);
  const password = (client as unknown as { password: unknown }).password;
  const mode = sslMode(config.connectionString);
  return {
    PGHOST: client.host,
    PGPORT: String(client.port),
    PGUSER: client.user ?? '',
    PGDATABASE: client.database ?? '',
    PGAPPNAME: 'rekey tools',
    PGCONNECT_TIMEOUT: '10',
    PGOPTIONS: '-c row_security=off',
    ...(typeof password === 'string' ? { PGPASSWORD: password } : {}),
    ...mode,
  };
}

/** pg reads `sslmode=require` as verify-full unless asked for libpq's meaning, which pg_dump beside it has. */
function libpqSemantics(url: string): string {
  if (!/[?&]sslmode=/.test(url) || /[?&]uselibpqcompat=/.test(url)) return url;
  return `${url}&uselibpqcompat=true`;
}

function sslMode(url: string | undefined): Record<string, string> {
  const query = new URLSearchParams(url?.split('?')[1] ?? '');
  const pairs = [
    ['sslmode', 'PGSSLMODE'],
    ['sslrootcert', 'PGSSLROOTCERT'],
    ['sslcert', 'PGSSLCERT'],
    ['sslkey', 'PGSSLKEY'],
  ] as const;
  return Object.fromEntries(
    pairs.flatMap(([from, to]) => (query.get(from) ? [[to, query.get(from) as string]] : [])),
  );
}

function serviceConfig(name: string, service: string, environment: Environment): ClientConfig {
  const files = [
    environment.PGSERVICEFILE ?? join(homedir(), '.pg_service.conf'),
    ...(environment.PGSYSCONFDIR ? [join(environment.PGSYSCONFDIR, 'pg_service.conf')] : []),
  ];
  for (const file of files) {
    if (!existsSync(file)) continue;
    const found = readService(readFileSync(file, 'utf8'), service);
    if (found) {
      const query = new URLSearchParams(Object.fromEntries(found));
      query.delete('dbname');
      return {
        connectionString: libpqSemantics(
          `postgres:///${encodeURIComponent(found.get('dbname') ?? '')}?${query}`,
        ),
      };
    }
  }
  throw new RekeyError('BadInput', {
    code: 'connection.unknown',
    message: `connection '${name}' names the service '${service}', which no pg_service.conf holds`,
    remedy: 'Set PGSERVICEFILE in the environment of the worker, or use a URL.',
  });
}

function readService(text: string, service: string): Map<string, string> | null {
  let found: Map<string, string> | null = null;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[(.+)\]\s*$/.exec(line)?.[1];
    if (section !== undefined) {
      if (found) return found;
      if (section === service) found = new Map();
      continue;
    }
    const pair = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (found && pair) found.set(pair[1] as string, pair[2] as string);
  }
  return found;
}

function malformed(name: string): RekeyError {
  return new RekeyError('BadInput', {
    code: 'connection.malformed',
    message: `the value of ${connectionVariable(name)} is no PostgreSQL URL`,
    remedy: 'Write it as postgres://user:password@host:5432/database or service=NAME.',
  });
}
