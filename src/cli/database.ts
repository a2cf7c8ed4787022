import type { Catalog } from '../catalog/model.js';
import { readCatalog } from '../catalog/read.js';
import { RekeyError } from '../errors.js';
import { allKinds } from '../kinds/all.js';
import type { ColumnRef } from '../plan/model.js';
import { rekeySchemaVersionOf } from '../postgres/bootstrap.js';
import { withSession } from '../postgres/connect.js';
import { readDocument } from '../postgres/documents.js';
import { readMembers } from '../postgres/members.js';
import { readPhases } from '../postgres/phases.js';
import type { Session } from '../postgres/session.js';

export interface StoredPhase {
  phase: string;
  planHash: string;
  state: 'open' | 'done' | 'rolled-back';
  cutOver: boolean;
  /** as preflight read it; null before */
  catalog: Catalog | null;
}

export interface DatabaseNow {
  catalog: Catalog;
  /** what cutovers have left behind so far */
  legacyColumns: ColumnRef[];
  /** phases that have begun on this database, in their order */
  phases: StoredPhase[];
}

/** The catalog as it is, and what schema rekey says of earlier phases. Locks: ACCESS SHARE on catalogs and rekey's tables. */
export function readDatabase(connection: string, options: { catalogs?: boolean } = {}): Promise<DatabaseNow> {
  return onDatabase(connection, (session) => readNow(session, options));
}

export async function readNow(session: Session, options: { catalogs?: boolean } = {}): Promise<DatabaseNow> {
  const catalog = await readCatalog((text, values) => session.query(text, values), allKinds);
  if ((await rekeySchemaVersionOf(session)) === null) return { catalog, legacyColumns: [], phases: [] };
  const legacyColumns = (await readMembers(session)).flatMap((m) =>
    m.state === 'cut-over' && m.legacy !== null ? [{ table: m.tableName, column: m.legacy }] : [],
  );
  const phases: StoredPhase[] = [];
  for (const { phase, planHash, state, cutOver, catalogDocument } of await readPhases(session)) {
    const stored = options.catalogs && catalogDocument !== null;
    const text = stored ? await readDocument(session, catalogDocument) : null;
    phases.push({
      phase,
      planHash,
      state,
      cutOver,
      catalog: text === null ? null : (JSON.parse(text) as Catalog),
    });
  }
  return { catalog, legacyColumns, phases };
}

/** A session for one command that looks and changes nothing, without a transaction around it all. */
export function withDatabase<T>(connection: string, fn: (session: Session) => Promise<T>): Promise<T> {
  refuseUrl(connection);
  return withSession(connection, 'cli', fn);
}

/** The same in one read-only transaction: one snapshot. The name of a connection, never a URL: arguments can be read by everybody. */
export function onDatabase<T>(connection: string, fn: (session: Session) => Promise<T>): Promise<T> {
  return withDatabase(connection, async (session) => {
    try {
      return await session.transaction(() => fn(session), 'isolation level repeatable read read only');
    } catch (error) {
      throw (await notItsOwner(session, error)) ?? error;
    }
  });
}

/** Whose the schema rekey is, where this role may not read it; null where it is another privilege that is missing. */
async function notItsOwner(session: Session, error: unknown): Promise<RekeyError | null> {
  if (!(error instanceof RekeyError) || error.code !== 'privilege.missing') return null;
  const [schema] = await session.query<{ owner: string; role: string }>(
    `select n.nspowner::regrole::text as owner, current_user::regrole::text as role from pg_catalog.pg_namespace n
     where n.nspname = 'rekey' and not pg_catalog.pg_has_role(n.nspowner, 'usage')`,
  );
  if (!schema) return null;
  return new RekeyError('BadInput', {
    code: 'privilege.schema-rekey',
    message: `the role ${schema.role} may not read the schema rekey, which belongs to ${schema.owner}`,
    remedy: `Name a connection of ${schema.owner}, or of a member: grant ${schema.owner} to ${schema.role}.`,
    sqlstate: '42501',
  });
}

function refuseUrl(connection: string): void {
  if (!/:\/\/|=/.test(connection)) return;
  throw new RekeyError('BadInput', {
    code: 'connection.url',
    message:
      'a connection is named, not given as a URL: every user of this machine can read the arguments of a command',
    remedy: 'Put the URL into REKEY_CONNECTION_TARGET, and name the connection: target.',
  });
}
