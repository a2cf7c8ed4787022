import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RekeyError } from '../errors.js';
import type { TableId } from '../plan/model.js';
import { readContents, readSequences } from './contents.js';
import { dumpCopy } from './dump-copy.js';
import { dumpDirectory } from './dump-directory.js';
import { fileFailure } from './file-failure.js';
import { findTools, type PgTools } from './find-tools.js';
import { directoryBytes, listFiles, type Manifest, sync, writeManifest } from './manifest.js';
import { backupDirectory, backupSessionName } from './names.js';
import { cancelSession, endLeftovers, openSnapshot, type Snapshot, sameSource } from './snapshot.js';
import { verifyBackup } from './verify.js';

export interface BackupRequest {
  /** a direct connection, as the owner of the tables */
  url: string;
  what: { scope: 'full' } | { scope: 'tables'; tables: TableId[] } | { external: string };
  /** REKEY_BACKUPS; the backup lies in <root>/<database>/<name> */
  root: string;
  /** unique for what is to be in it, as plan, hash and phase: a whole one of this name is taken as it is */
  name: string;
  parallel: number;
  /** null: none to be had, so that COPY files are written; left out: looked for */
  tools?: PgTools | null;
}

export interface BackupProgress {
  doing: 'waiting' | 'dumping' | 'verifying';
  /** on disk, or read back */
  bytes: number;
}

export interface TakenBackup {
  /** true where it was there before */
  already: boolean;
  /** <database>/<name> as they stand below the root */
  backup: string;
  directory: string;
  format: Manifest['format'];
  files: number;
  bytes: number;
  rows: number;
  /** read back and compared; never true for an external one */
  verified: boolean;
}

/** How often progress is told, ms: well below any heartbeat timeout. */
const beat = 1000;

/**
 * Takes a backup, reads it back, and only then gives it its name: what was killed half-way never looks whole. Running it
 * again answers with the backup that is there. The caller holds the step's advisory lock: sessions and files that a
 * killed attempt of the same backup left are ended and removed first.
 * Locks: ACCESS SHARE. Aborting ends pg_dump and its sessions before this function throws the signal's reason.
 * Throws StepFailed `backup.*` and `privilege.missing`, Transient `backup.lock` and `connection.lost`, and the driver's
 * own errors, which the caller turns into RekeyErrors.
 */
export async function takeBackup(
  request: BackupRequest,
  heartbeat: (progress: BackupProgress) => void,
  signal: AbortSignal,
): Promise<TakenBackup> {
  signal.throwIfAborted();
  let progress = async (): Promise<BackupProgress> => ({ doing: 'waiting', bytes: 0 });
  // progress is for show: that it can't be told must not end a backup
  const timer = setInterval(() => void progress().then(heartbeat, () => undefined), beat);
  try {
    const session = backupSessionName(`${request.root}\n${request.name}`);
    await endLeftovers(request.url, session);
    const snapshot = await openSnapshot(request.url, session);
    const stop = () => void cancelSession(request.url, snapshot.client);
    signal.addEventListener('abort', stop, { once: true });
    let begun: string | null = null;
    try {
      const directory = backupDirectory(request.root, snapshot.database, request.name);
      let verified = 0;
      const onProgress = (bytes: number) => {
        verified = bytes;
      };
      const verifying = async (): Promise<BackupProgress> => ({ doing: 'verifying', bytes: verified });

      if (await exists(directory)) {
        progress = verifying;
        const tools = request.tools ?? undefined;
        const found = await verifyBackup(directory, { tools, onProgress, signal });
        refuseOther(directory, found.manifest, snapshot, request);
        return answer(true, directory, found);
      }

      const parent = dirname(directory);
      await mkdir(parent, { recursive: true, mode: 0o700 });
      await removePartials(directory);
      // a name of its own: a pg_dump that is just dying can't write into it
      const partial = `${directory}.${randomBytes(4).toString('hex')}.partial`;
      begun = partial;
      progress = async () => ({ doing: 'dumping', bytes: await directoryBytes(partial) });
      const manifest = await write(request, snapshot, partial, `${directory}.log`, session, signal);
      await snapshot.close();
      manifest.files = await listFiles(partial, () => undefined, signal);
      manifest.finishedAt = new Date().toISOString();
      await writeManifest(partial, manifest);
      progress = verifying;
      const tools = request.tools ?? undefined;
      const found = await verifyBackup(partial, { tools, onProgress, signal });
      await rename(partial, directory);
      await sync(parent);
      await rm(`${directory}.log`, { force: true });
      return answer(false, directory, found);
    } catch (error) {
      // what is left of it would be missed on the disk that it may have filled: the next try measures before it begins
      if (begun) await rm(begun, { recursive: true, force: true }).catch(() => undefined);
      // what breaks because it was cancelled is no failure of its own
      signal.throwIfAborted();
      throw fileFailure(error) ?? error;
    } finally {
      signal.removeEventListener('abort', stop);
      await snapshot.close();
    }
  } finally {
    clearInterval(timer);
  }
}

/** Everything but the list of files. */
async function write(
  request: BackupRequest,
  snapshot: Snapshot,
  partial: string,
  log: string,
  applicationName: string,
  signal: AbortSignal,
): Promise<Manifest> {
  const { what, url, parallel } = request;
  const manifest: Manifest = {
    formatVersion: 1,
    format: 'external',
    scope: 'scope' in what ? what.scope : 'full',
    name: request.name,
    database: snapshot.database,
    source: snapshot.source,
    serverVersion: snapshot.serverVersion,
    toolVersion: null,
    schemaIncluded: true,
    encoding: null,
    external: null,
    startedAt: new Date().toISOString(),
    finishedAt: new Date().toISOString(),
    tables: [],
    foreignKeys: [],
    sequences: [],
    files: [],
  };
  if ('external' in what) {
    await mkdir(partial, { mode: 0o700 });
    return { ...manifest, external: what.external };
  }
  const tools = request.tools === undefined ? await findTools(snapshot.serverVersion) : request.tools;
  const wanted = what.scope === 'full' ? null : what.tables;
  const contents = await readContents(snapshot.client, wanted, tools !== null);
  const sequences = await readSequences(snapshot.client);
  const common = { ...manifest, foreignKeys: contents.foreignKeys, sequences };
  if (tools === null) {
    const dumped = await dumpCopy(
      { url, snapshot, contents, target: partial, parallel, applicationName },
      signal,
    );
    return { ...common, ...dumped, format: 'copy', schemaIncluded: false };
  }
  const tables = await dumpDirectory(
    { url, tools, snapshot, contents, scope: what.scope, target: partial, log, parallel, applicationName },
    signal,
  );
  return { ...common, tables, format: 'directory', toolVersion: tools.version };
}

function answer(
  already: boolean,
  directory: string,
  found: { manifest: Manifest; files: number; bytes: number; rows: number },
): TakenBackup {
  const { format } = found.manifest;
  return {
    already,
    backup: join(basename(dirname(directory)), basename(directory)),
    directory,
    format,
    files: found.files,
    bytes: found.bytes,
    rows: found.rows,
    verified: format !== 'external',
  };
}

/** Two servers may have databases of one name, and two plans phases of one name. */
function refuseOther(
  directory: string,
  manifest: Manifest,
  snapshot: Snapshot,
  request: BackupRequest,
): void {
  const { what } = request;
  const held = new Set(manifest.tables.filter((table) => table.rows !== null).map((table) => table.table));
  const same =
    (manifest.source.system === null ||
      snapshot.source.system === null ||
      sameSource(manifest.source, snapshot.source)) &&
    manifest.name === request.name &&
    ('external' in what
      ? manifest.external === what.external
      : manifest.scope === what.scope && manifest.format !== 'external');
  const partitioned = new Set(manifest.tables.filter((t) => t.kind === 'partitioned').map((t) => t.table));
  const missing =
    'tables' in what ? what.tables.filter((table) => !held.has(table) && !partitioned.has(table)) : [];
  if (same && missing.length === 0) return;
  throw new RekeyError('StepFailed', {
    code: 'backup.other',
    message: 'a backup of this name is there and holds something else: another database, or other tables',
    remedy: 'Move it away, or give each server a REKEY_BACKUPS directory of its own.',
    where: directory,
  });
}

async function removePartials(directory: string): Promise<void> {
  const prefix = `${basename(directory)}.`;
  for (const name of await readdir(dirname(directory))) {
    if (name.startsWith(prefix) && /^[0-9a-f]{8}\.partial$/.test(name.slice(prefix.length)))
      await rm(join(dirname(directory), name), { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
