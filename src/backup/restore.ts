import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { RekeyError } from '../errors.js';
import type { TableId } from '../plan/model.js';
import { countRows } from './contents.js';
import { findTools, type PgTools } from './find-tools.js';
import type { Manifest, TableEntry } from './manifest.js';
import { restoreArchive } from './restore-archive.js';
import { restoreCopy } from './restore-copy.js';
import { connect, sameSource, sourceOf } from './snapshot.js';
import { noTools, verifyBackup, versionNeeded } from './verify.js';

export interface RestoreRequest {
  /** holds manifest.json */
  directory: string;
  /** another database than the one it came from */
  targetUrl: string;
  /** rows of these tables only, with their partitions; left out: all that the backup holds */
  tables?: TableId[];
  parallel?: number;
  /** keep: owners and grants as they were, which takes a superuser or a member of all those roles; leave-out: all is the target's role's */
  owners?: 'keep' | 'leave-out';
  /** the operator says that objects in the target are no mistake */
  intoNonEmpty?: boolean;
  /** the operator says that it shall go into the very database it came from */
  intoSource?: boolean;
  tools?: PgTools | null;
}

export interface RestoredBackup {
  tables: number;
  rows: number;
  /** what was not restored: foreign keys to tables whose rows are not in it, subscriptions, publications and the like */
  leftOut: string[];
  seconds: number;
}

/**
 * Restores a verified backup into another database and counts the rows there. From pg_dump's format the whole schema is
 * restored, also for one table: types, functions and constraints of a table lie all over it. COPY files hold no schema:
 * their tables must be there, empty, and everything happens in one transaction.
 * Aborting leaves the target half-filled (directory) or as it was (copy).
 * Throws BadInput `restore.same-database`, `restore.not-empty`, `restore.no-table`, `restore.external`;
 * StepFailed `backup.damaged`, `backup.no-pg-dump` and those of pg_restore; ValidationFailed `restore.rows-differ`.
 */
export async function restoreBackup(
  request: RestoreRequest,
  heartbeat: (progress: { doing: 'verifying' | 'restoring' | 'counting' }) => void = () => undefined,
  signal?: AbortSignal,
): Promise<RestoredBackup> {
  signal?.throwIfAborted();
  const began = performance.now();
  let doing: 'verifying' | 'restoring' | 'counting' = 'verifying';
  const timer = setInterval(() => heartbeat({ doing }), 1000);
  const client = await connect(request.targetUrl, 'rekey restore').catch((error) => {
    clearInterval(timer);
    throw error;
  });
  const work = await mkdtemp(join(tmpdir(), 'rekey-restore-'));
  try {
    const { manifest } = await verifyBackup(request.directory, { tools: request.tools ?? undefined, signal });
    if (manifest.format === 'external') throw external(manifest);
    if (!request.intoSource && sameSource(manifest.source, await sourceOf(client)))
      throw sameDatabase(manifest);
    const chosen = chooseTables(manifest, request.tables);
    doing = 'restoring';
    let leftOut: string[] = [];
    if (manifest.format === 'copy') {
      await restoreCopy({ ...request, client, manifest, chosen, signal });
    } else {
      if (!request.intoNonEmpty) await refuseFilled(client);
      const target = await serverVersion(client);
      // pg_restore is made for servers up to its own version
      const needed = Math.max(target, versionNeeded(manifest));
      const tools = request.tools === undefined ? await findTools(needed) : request.tools;
      if (tools === null) throw noTools(needed);
      const list = join(work, 'list');
      const write = (text: string) => writeFile(list, text, { mode: 0o600 });
      const log = `${request.directory}.restore.log`;
      leftOut = await restoreArchive({
        ...request,
        tools,
        targetVersion: target,
        manifest,
        chosen,
        list,
        write,
        log,
        signal,
      });
    }
    doing = 'counting';
    let rows = 0;
    for (const table of chosen) {
      signal?.throwIfAborted();
      const found = await countRows(client, table);
      // what was there before counts, too
      if (request.intoNonEmpty ? found < table.rows! : found !== table.rows) throw differs(table, found);
      rows += found;
    }
    return { tables: chosen.length, rows, leftOut, seconds: Math.round(performance.now() - began) / 1000 };
  } finally {
    clearInterval(timer);
    await client.end().catch(() => undefined);
    await rm(work, { recursive: true, force: true });
  }
}

/** Tables whose rows are restored: those asked for with their partitions and children, as far as the backup holds rows. */
export function chooseTables(manifest: Manifest, wanted: TableId[] | undefined): TableEntry[] {
  const held = manifest.tables.filter((table) => table.rows !== null);
  if (wanted === undefined) return held;
  const oids = new Set<number>();
  for (const name of wanted) {
    const table = manifest.tables.find((entry) => entry.table === name);
    if (table) oids.add(table.oid);
  }
  for (let before = -1; before !== oids.size; ) {
    before = oids.size;
    for (const table of manifest.tables) if (table.parents.some((p) => oids.has(p))) oids.add(table.oid);
  }
  const absent = wanted.filter((name) => {
    const table = manifest.tables.find((entry) => entry.table === name);
    return !table || (table.kind === 'table' && table.rows === null);
  });
  if (absent.length > 0)
    throw new RekeyError('BadInput', {
      code: 'restore.no-table',
      message: `the backup holds no rows of ${absent.join(', ')}`,
      remedy: `Choose among ${held
        .slice(0, 20)
        .map((t) => t.table)
        .join(', ')}${held.length > 20 ? ' and others' : ''}.`,
    });
  return held.filter((table) => oids.has(table.oid));
}

async function serverVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ v: number }>(
    `select current_setting('server_version_num')::int4 as v`,
  );
  return rows[0]!.v;
}

/** A schema of its own counts: one that a restore has left behind would keep the next one from making it. */
async function refuseFilled(client: Client): Promise<void> {
  const { rows } = await client.query<{ objects: number; database: string }>(
    `select (count(*) + (
         select count(*) from pg_namespace as s
         where s.nspname not like 'pg\\_%' and s.nspname not in ('information_schema', 'public')
           and not exists (select from pg_depend as d
                           where d.classid = 'pg_namespace'::regclass and d.objid = s.oid and d.deptype = 'e')
       ))::int4 as objects, current_database()::text as database
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where c.relpersistence <> 't' and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
       and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
       and not exists (select from pg_depend as d
                       where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`,
  );
  const { objects, database } = rows[0]!;
  if (objects === 0) return;
  throw new RekeyError('BadInput', {
    code: 'restore.not-empty',
    message: `the database ${database} is not empty: it has schemas, tables, views or sequences (${objects})`,
    remedy: 'Restore into a new database, or say --into-non-empty if nothing of the same name is in it.',
  });
}

function sameDatabase(manifest: Manifest): RekeyError {
  return new RekeyError('BadInput', {
    code: 'restore.same-database',
    message: `this is ${manifest.database}, the very database that the backup was taken of`,
    remedy: 'Restore into another database and copy over what is needed, or say --into-source.',
  });
}

function external(manifest: Manifest): RekeyError {
  return new RekeyError('BadInput', {
    code: 'restore.external',
    message: `the backup is a snapshot that Rekey only knows by name: ${manifest.external}`,
    remedy: 'Restore it with the means by which it was made.',
  });
}

function differs(table: TableEntry, found: number): RekeyError {
  return new RekeyError('ValidationFailed', {
    code: 'restore.rows-differ',
    message: `${table.table} has ${found} rows after the restore, the backup has ${table.rows}`,
    remedy:
      'Look for triggers or rules in the target, or for clients that write to it; do not use this copy.',
  });
}
