import { writeFile } from 'node:fs/promises';
import { quoteIdent } from '../catalog/quote.js';
import { runCommand } from '../run-command.js';
import { type Contents, countRows } from './contents.js';
import type { PgTools } from './find-tools.js';
import { libpqEnvironment } from './libpq.js';
import type { TableEntry } from './manifest.js';
import type { Snapshot } from './snapshot.js';
import { toolFailure } from './tool-failure.js';

export interface DirectoryDump {
  url: string;
  tools: PgTools;
  snapshot: Snapshot;
  contents: Contents;
  scope: 'full' | 'tables';
  /** a directory that does not exist yet */
  target: string;
  /** where pg_dump's own words go when it fails */
  log: string;
  parallel: number;
  applicationName: string;
}

/**
 * pg_dump into a directory, and meanwhile the rows counted in the same snapshot. The schema is always whole, so that every
 * backup can be restored into an empty database; the scope decides whose rows are in it. Takes ACCESS SHARE on all tables.
 * row_security stays off in pg_dump, as it is by default: it fails rather than leave rows out.
 */
export async function dumpDirectory(dump: DirectoryDump, signal: AbortSignal): Promise<TableEntry[]> {
  const left = dump.contents.tables.filter((table) => table.kind === 'table' && !table.data);
  const args = [
    '--format=directory',
    `--file=${dump.target}`,
    `--jobs=${Math.max(1, dump.parallel)}`,
    '--compress=1',
    `--snapshot=${dump.snapshot.id}`,
    '--lock-wait-timeout=60000',
    '--no-password',
    ...(dump.scope === 'tables'
      ? [
          '--no-blobs',
          ...left.map(
            (table) => `--exclude-table-data=${quoteIdent(table.schema)}.${quoteIdent(table.name)}`,
          ),
        ]
      : []),
  ];
  // a count that fails must stop pg_dump, and the other way round
  const together = new AbortController();
  const both = AbortSignal.any([signal, together.signal]);
  const counting = countAll(dump, both).catch((error) => {
    together.abort(error);
    throw error;
  });
  const dumping = runCommand(
    {
      command: dump.tools.pgDump,
      args,
      env: libpqEnvironment(dump.url, dump.applicationName),
      timeout: null,
      keep: 64 * 1024,
    },
    both,
  ).then(async (result) => {
    if (result.code === 0) return;
    // on the disk that it has just filled there may be no room for this either
    const log = await writeFile(dump.log, result.output, { mode: 0o600 }).then(
      () => dump.log,
      () => null,
    );
    const error = toolFailure('pg_dump', result, log);
    together.abort(error);
    throw error;
  });
  const [counted, dumped] = await Promise.allSettled([counting, dumping]);
  signal.throwIfAborted();
  if (dumped.status === 'rejected') throw dumped.reason;
  if (counted.status === 'rejected') throw counted.reason;
  return counted.value;
}

async function countAll(dump: DirectoryDump, signal: AbortSignal): Promise<TableEntry[]> {
  const entries: TableEntry[] = [];
  for (const { data, bytes: _, ...table } of dump.contents.tables) {
    signal.throwIfAborted();
    entries.push({
      ...table,
      rows: data ? await unless(signal, countRows(dump.snapshot.client, table)) : null,
    });
  }
  return entries;
}

/** The count of a huge table is not waited for once the dump has failed: closing the session ends it. */
function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
