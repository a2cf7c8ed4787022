import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RekeyError } from '../errors.js';

const natural = z.number().int().min(0);

const tableEntry = z.strictObject({
  /** as the plan calls it */
  table: z.string(),
  schema: z.string(),
  name: z.string(),
  oid: natural,
  kind: z.enum(['table', 'partitioned']),
  /** OIDs of what it is a partition or child of */
  parents: z.array(natural),
  /** those that COPY writes and reads: not the generated ones */
  columns: z.array(z.string()),
  /** counted in the snapshot; null where the backup holds no rows of it */
  rows: natural.nullable(),
});

const foreignKeyEntry = z.strictObject({
  oid: natural,
  name: z.string(),
  /** OIDs, as text */
  table: z.string(),
  to: z.string(),
});

const sequenceEntry = z.strictObject({
  schema: z.string(),
  name: z.string(),
  last: z.string(),
  called: z.boolean(),
});

const fileEntry = z.strictObject({
  /** relative to the backup's directory */
  file: z.string().regex(/^(?!\/)(?!.*\.\.)[^\\]+$/),
  bytes: natural,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** directory: pg_dump's; copy: a gzipped COPY file a table, no schema; external: a snapshot elsewhere */
  format: z.enum(['directory', 'copy', 'external']),
  /** full: rows of all tables; tables: rows of the phase's tables */
  scope: z.enum(['full', 'tables']),
  name: z.string(),
  database: z.string(),
  /** which database it was, whatever address it was reached by */
  source: z.strictObject({ system: z.string().nullable(), databaseOid: natural }),
  /** server_version_num */
  serverVersion: natural,
  /** pg_dump's version; null where it had no part in it */
  toolVersion: z.string().nullable(),
  /** false in the format copy: the text of the schema can't be had without a fitting pg_dump */
  schemaIncluded: z.boolean(),
  /** of COPY files */
  encoding: z.string().nullable(),
  /** name of the operator's snapshot, in the format external */
  external: z.string().nullable(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  tables: z.array(tableEntry),
  foreignKeys: z.array(foreignKeyEntry),
  sequences: z.array(sequenceEntry),
  files: z.array(fileEntry),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type TableEntry = z.infer<typeof tableEntry>;
export type ForeignKeyEntry = z.infer<typeof foreignKeyEntry>;
export type SequenceEntry = z.infer<typeof sequenceEntry>;
export type FileEntry = z.infer<typeof fileEntry>;

const manifestFile = 'manifest.json';

/** Where a COPY file of the format copy lies in its directory. */
export function copyFile(table: TableEntry): string {
  return `${table.oid}.copy.gz`;
}

/** Writes manifest.json and does not return before it is on disk. */
export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const path = join(directory, manifestFile);
  await writeFile(path, `${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`, { mode: 0o600 });
  await sync(path);
  await sync(directory);
}

/** Throws BadInput `backup.none` where there is no backup, StepFailed `backup.damaged` where its manifest can't be read. */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, manifestFile);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new RekeyError('BadInput', {
      code: 'backup.none',
      message: `no backup can be read here (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`,
      remedy: 'Name the directory that holds manifest.json: REKEY_BACKUPS/<database>/<backup>.',
      where: path,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(path, 'is no JSON');
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw damaged(path, `${issue?.path.join('.') || 'manifest'}: ${issue?.code ?? 'not valid'}`);
}

export function damaged(where: string, what: string): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'backup.damaged',
    message: `the backup is damaged: ${what}`,
    remedy: 'Check the disk. Move the directory away by hand; then a retry takes a new backup.',
    where,
  });
}

/** Sizes and sums of all files in a directory, its manifest left out. `onBytes` is told what was read, for progress. */
export async function listFiles(
  directory: string,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<FileEntry[]> {
  const names = (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((name) => name !== manifestFile)
    .sort();
  const files: FileEntry[] = [];
  for (const file of names) files.push({ file, ...(await hashFile(join(directory, file), onBytes, signal)) });
  return files;
}

export async function hashFile(
  path: string,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    onBytes((chunk as Buffer).length);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** What lies on disk in a directory so far, in bytes; files that vanish meanwhile don't count. */
export async function directoryBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          (s) => s.size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** fsync of a file or directory. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
