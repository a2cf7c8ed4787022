import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { RekeyError } from '../errors.js';
import { runCommand } from '../run-command.js';
import { findTools, type PgTools } from './find-tools.js';
import { copyFile, damaged, hashFile, type Manifest, readManifest } from './manifest.js';
import { toolFailure } from './tool-failure.js';

export interface VerifiedBackup {
  manifest: Manifest;
  files: number;
  bytes: number;
  /** rows found in its files, equal to those counted in the snapshot */
  rows: number;
}

export interface VerifyOptions {
  /** null: none to be had; left out: looked for */
  tools?: PgTools | null;
  /** told how many bytes were read so far */
  onProgress?: (bytesRead: number) => void;
  signal?: AbortSignal;
}

/**
 * Reads a whole backup back: sizes and sums of its files, `pg_restore --list`, and the rows in each table's file against
 * the rows that the snapshot had. An external one has no files: nothing but its manifest is read.
 * Throws BadInput `backup.none`; StepFailed `backup.damaged`, `backup.no-pg-dump`.
 */
export async function verifyBackup(directory: string, options: VerifyOptions = {}): Promise<VerifiedBackup> {
  const manifest = await readManifest(directory);
  const { signal } = options;
  let read = 0;
  const onBytes = (bytes: number) => {
    read += bytes;
    options.onProgress?.(read);
  };
  let bytes = 0;
  for (const file of manifest.files) {
    const path = join(directory, file.file);
    const size = await stat(path).then(
      (s) => s.size,
      () => null,
    );
    if (size === null) throw damaged(path, 'the file is missing');
    if (size !== file.bytes) throw damaged(path, `it has ${size} bytes, the manifest says ${file.bytes}`);
    if ((await hashFile(path, onBytes, signal)).sha256 !== file.sha256)
      throw damaged(path, 'its sum differs');
    bytes += size;
  }
  let rows = 0;
  if (manifest.format !== 'external') {
    const fileOf = await dataFiles(directory, manifest, options);
    const listed = new Set(manifest.files.map((file) => file.file));
    for (const table of manifest.tables) {
      if (table.rows === null) continue;
      const file = fileOf.get(table.oid);
      if (file === undefined || !listed.has(file))
        throw damaged(directory, `it holds no rows of ${table.table}`);
      const found = await countFileRows(join(directory, file), manifest.format, onBytes, signal);
      if (found !== table.rows)
        throw damaged(
          join(directory, file),
          `${table.table} has ${found} rows in it, the snapshot had ${table.rows}`,
        );
      rows += found;
    }
  }
  return { manifest, files: manifest.files.length, bytes, rows };
}

/** Version of the programs that can read an archive: as new as the pg_dump that wrote it. As server_version_num. */
export function versionNeeded(manifest: Manifest): number {
  return Math.max(manifest.serverVersion, Number.parseInt(manifest.toolVersion ?? '0', 10) * 10000);
}

/** File of each table's rows by the table's OID. */
async function dataFiles(
  directory: string,
  manifest: Manifest,
  options: VerifyOptions,
): Promise<Map<number, string>> {
  if (manifest.format === 'copy')
    return new Map(
      manifest.tables.filter((t) => t.rows !== null).map((table) => [table.oid, copyFile(table)]),
    );
  const needed = versionNeeded(manifest);
  const tools = options.tools === undefined ? await findTools(needed) : options.tools;
  if (tools === null) throw noTools(needed);
  const entries = await listArchive(tools, directory, options.signal);
  return new Map(
    entries
      .filter((e) => e.tableOid === 0 && e.what.startsWith('TABLE DATA '))
      .map((e) => [e.oid, `${e.dumpId}.dat.gz`]),
  );
}

/** A line of `pg_restore --list`. */
export interface ArchiveEntry {
  dumpId: number;
  /** OID of the catalog that `oid` is from; 0 for rows */
  tableOid: number;
  oid: number;
  /** kind, schema, name and owner: for reading only, since names may hold blanks */
  what: string;
  line: string;
}

export async function listArchive(
  tools: PgTools,
  directory: string,
  signal?: AbortSignal,
): Promise<ArchiveEntry[]> {
  const result = await runCommand(
    {
      command: tools.pgRestore,
      args: ['--list', directory],
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      timeout: 600_000,
      keep: 256 * 1024 * 1024,
    },
    signal,
  );
  if (result.notStarted) throw toolFailure('pg_restore', result, null);
  if (result.code !== 0) throw damaged(directory, 'pg_restore can not read its table of contents');
  return result.stdout.split('\n').flatMap((line) => {
    const match = /^(\d+); (\d+) (\d+) (.*)$/.exec(line);
    if (!match) return [];
    return [
      { dumpId: Number(match[1]), tableOid: Number(match[2]), oid: Number(match[3]), what: match[4]!, line },
    ];
  });
}

/** Rows in a file of COPY's text format: its line ends, as those inside of values are escaped. Checks gzip's sums, too. */
async function countFileRows(
  path: string,
  format: 'directory' | 'copy',
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<number> {
  let lines = 0;
  let tail = Buffer.alloc(0);
  const counter = new Writable({
    highWaterMark: 1 << 20,
    write(chunk: Buffer, _, done) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      tail = Buffer.from(Buffer.concat([tail, chunk]).subarray(-16));
      done();
    },
  });
  const source = createReadStream(path, { highWaterMark: 1 << 20 });
  source.on('data', (chunk) => onBytes(chunk.length));
  try {
    await pipeline(source, createGunzip({ chunkSize: 1 << 18 }), counter, { signal });
  } catch {
    signal?.throwIfAborted();
    throw damaged(path, 'it can not be decompressed');
  }
  if (format === 'copy') return lines;
  // pg_dump ends the rows with a line `\.` and some empty ones
  const end = /(?:^|\n)\\\.(\n+)$/.exec(tail.toString('latin1'))?.[1];
  if (end === undefined) throw damaged(path, 'its end is missing');
  return lines - end.length;
}

export function noTools(serverVersion: number): RekeyError {
  const major = Math.floor(serverVersion / 10000);
  return new RekeyError('StepFailed', {
    code: 'backup.no-pg-dump',
    message: `no pg_dump and pg_restore of version ${major} or newer here`,
    remedy: `Install PostgreSQL's client programs of version ${major} on the worker, or name their directory in REKEY_PG_BIN.`,
  });
}
