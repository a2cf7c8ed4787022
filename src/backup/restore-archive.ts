import { writeFile } from 'node:fs/promises';
import { runCommand } from '../run-command.js';
import type { PgTools } from './find-tools.js';
import { libpqEnvironment } from './libpq.js';
import type { Manifest, TableEntry } from './manifest.js';
import { toolFailure } from './tool-failure.js';
import { type ArchiveEntry, listArchive } from './verify.js';

export interface ArchiveRestore {
  directory: string;
  targetUrl: string;
  /** server_version_num */
  targetVersion: number;
  tools: PgTools;
  manifest: Manifest;
  /** tables whose rows are restored */
  chosen: TableEntry[];
  parallel?: number;
  owners?: 'keep' | 'leave-out';
  /** the list of entries for pg_restore, and how to write it */
  list: string;
  write(text: string): Promise<void>;
  /** where pg_restore's own words go when it fails */
  log: string;
  signal?: AbortSignal;
}

/** Entries that reach beyond a database, or that only superusers may make: not for a copy with other owners. */
const beyond = /^(SUBSCRIPTION|PUBLICATION|PUBLICATION TABLE|PUBLICATION TABLES IN SCHEMA|EVENT TRIGGER) /;
const extensionComment = /^COMMENT - EXTENSION /;
const largeObjects = /^(BLOB|BLOBS|BLOB METADATA) /;

/** pg_restore into an empty database. Answers with what it left out. */
export async function restoreArchive(restore: ArchiveRestore): Promise<string[]> {
  const { tools, directory, manifest, chosen, signal } = restore;
  const entries = await listArchive(tools, directory, signal);
  const { kept, leftOut } = selectEntries(entries, manifest, chosen, restore.owners ?? 'keep');
  await restore.write(`${kept.map((entry) => entry.line).join('\n')}\n`);
  const env = libpqEnvironment(restore.targetUrl, 'rekey restore');
  const tolerant = tools.major >= 17 && restore.targetVersion < 170000;
  const args = [
    ...(tolerant ? [] : ['--exit-on-error']),
    '--no-password',
    `--jobs=${Math.max(1, restore.parallel ?? 2)}`,
    `--use-list=${restore.list}`,
    `--dbname=${conninfo(env)}`,
    ...(restore.owners === 'leave-out' ? ['--no-owner', '--no-privileges', '--no-tablespaces'] : []),
    directory,
  ];
  const result = await runCommand(
    { command: tools.pgRestore, args, env, timeout: null, keep: 64 * 1024 },
    signal,
  );
  if (result.code !== 0 && !(tolerant && onlyUnknownSetting(result.output))) {
    await writeFile(restore.log, result.output, { mode: 0o600 });
    throw toolFailure('pg_restore', result, restore.log);
  }
  return leftOut;
}

/**
 * pg_restore from 17 on sets transaction_timeout, which servers before 17 don't know: the one error that does no harm. Its
 * jobs write to one stream, each message in three pieces (program, severity, text), so that only a piece is sure to be whole.
 */
export function onlyUnknownSetting(output: string): boolean {
  const count = (pattern: RegExp) => output.match(pattern)?.length ?? 0;
  const errors = count(/\berror: /g);
  const harmless = count(/could not execute query: [^\n]*\nCommand was: SET transaction_timeout = 0;\n/g);
  return errors > 0 && errors === harmless && !output.startsWith('[');
}

/** pg_restore writes SQL to its output unless a database is named; everything else comes from the environment. */
function conninfo(env: NodeJS.ProcessEnv): string {
  return `dbname='${(env.PGDATABASE ?? '').replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/**
 * Which entries of an archive to restore when only some tables' rows are wanted or there: the whole schema, those rows, and
 * every foreign key that they can satisfy. Pure.
 */
export function selectEntries(
  entries: ArchiveEntry[],
  manifest: Manifest,
  chosen: TableEntry[],
  owners: 'keep' | 'leave-out',
): { kept: ArchiveEntry[]; leftOut: string[] } {
  const everything =
    manifest.scope === 'full' && chosen.length === manifest.tables.filter((t) => t.rows !== null).length;
  const oids = new Set(chosen.map((table) => table.oid));
  const whole = (oid: number): boolean => {
    const table = manifest.tables.find((entry) => entry.oid === oid);
    if (!table) return false;
    if (table.kind === 'table') return oids.has(oid);
    return manifest.tables.filter((t) => t.parents.includes(oid)).every((t) => whole(t.oid));
  };
  const some = (oid: number): boolean =>
    oids.has(oid) || manifest.tables.some((t) => t.parents.includes(oid) && some(t.oid));
  const unsatisfied = new Map(
    everything
      ? []
      : manifest.foreignKeys
          .filter((key) => some(Number(key.table)) && !whole(Number(key.to)))
          .map((key) => [key.oid, key.name]),
  );
  const constraintCatalog = 2606;
  const leftOut: string[] = [];
  const kept = entries.filter((entry) => {
    const { what } = entry;
    const out =
      (owners === 'leave-out' && (beyond.test(what) || extensionComment.test(what))) ||
      (!everything &&
        ((what.startsWith('TABLE DATA ') && !oids.has(entry.oid)) ||
          what.startsWith('MATERIALIZED VIEW DATA ') ||
          largeObjects.test(what) ||
          (entry.tableOid === constraintCatalog && unsatisfied.has(entry.oid))));
    if (out && !what.startsWith('TABLE DATA ')) leftOut.push(what);
    return !out;
  });
  return { kept, leftOut };
}
