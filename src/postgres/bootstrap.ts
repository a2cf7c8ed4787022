import { RekeyError } from '../errors.js';
import { rekeySchemaStatements, rekeySchemaVersion } from './rekey-schema.js';
import type { Session } from './session.js';

/** Any number, always the same: two sessions that create the schema at once come one after the other. */
const bootstrapLock = 7_219_420_261;

/**
 * Creates or completes the schema `rekey` in one transaction; running it again changes nothing. `extra` are further
 * idempotent statements (functions that make key functions). Throws BadInput `rekey.newer-schema` where a newer Rekey
 * wrote it. Answers with the statements that ran, for the journal.
 */
export async function createRekeySchema(session: Session, extra: readonly string[] = []): Promise<string[]> {
  return session.transaction(async () => {
    await session.query('select pg_catalog.pg_advisory_xact_lock($1::bigint)', [bootstrapLock]);
    await rekeySchemaVersionOf(session);
    const statements = rekeySchemaStatements(extra);
    for (const statement of statements) await session.execute(statement);
    return statements;
  });
}

/**
 * The version of the schema `rekey`; null where there is none. Throws BadInput `rekey.newer-schema` where a newer Rekey
 * wrote it: to read it wrong, or to undo by it, is worse than to do nothing.
 */
export async function rekeySchemaVersionOf(session: Session): Promise<number | null> {
  const [there] = await session.query<{ there: boolean }>(
    `select pg_catalog.to_regclass('rekey.setting') is not null as there`,
  );
  if (!there?.there) return null;
  const [row] = await session.query<{ value: string }>(
    `select value from rekey.setting where name = 'schema-version'`,
  );
  const version = row ? Number(row.value) : null;
  if (version === null || version <= rekeySchemaVersion) return version;
  throw new RekeyError('BadInput', {
    code: 'rekey.newer-schema',
    message: `schema rekey has version ${version}, this Rekey knows ${rekeySchemaVersion}`,
    remedy: 'Use the Rekey that wrote it, or a newer one.',
  });
}

/** Lets roles ask `rekey.flags`, `new_key` and `old_key`; 'public' means PUBLIC. In the dry run it is this statement. */
export async function grantReaders(session: Session, roles: readonly string[]): Promise<void> {
  if (roles.length === 0) return;
  await session.query('select rekey.grant_readers($1::text[])', [roles]);
}
