import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { quoteIdent, quoteLiteral, quoteTable } from '../catalog/quote.js';
import type { Contents } from './contents.js';
import { copyFile, sync, type TableEntry } from './manifest.js';
import { cancelSession, joinSnapshot, type Snapshot } from './snapshot.js';

export interface CopyDump {
  url: string;
  snapshot: Snapshot;
  contents: Contents;
  /** a directory that does not exist yet */
  target: string;
  parallel: number;
  applicationName: string;
}

/**
 * Every wanted table into a gzipped COPY file, largest first, over `parallel` sessions in one snapshot. For servers to
 * which no pg_dump at hand fits: it holds rows and no schema. Takes ACCESS SHARE on one table a session.
 */
export async function dumpCopy(
  dump: CopyDump,
  signal: AbortSignal,
): Promise<{ tables: TableEntry[]; encoding: string }> {
  await mkdir(dump.target, { mode: 0o700 });
  const encoding = await serverEncoding(dump.snapshot.client);
  const todo = dump.contents.tables.filter((table) => table.data).sort((a, b) => b.bytes - a.bytes);
  const counts = new Map<number, number>();
  // one session that fails takes the others along
  const together = new AbortController();
  const both = AbortSignal.any([signal, together.signal]);
  const worker = async () => {
    const client = await joinSnapshot(dump.url, dump.applicationName, dump.snapshot.id);
    const stop = () => void cancelSession(dump.url, client);
    both.addEventListener('abort', stop, { once: true });
    try {
      for (let table = todo.shift(); table; table = todo.shift()) {
        both.throwIfAborted();
        counts.set(
          table.oid,
          await copyTable(client, table, join(dump.target, copyFile(table)), encoding, both),
        );
      }
    } catch (error) {
      together.abort(error);
      throw error;
    } finally {
      both.removeEventListener('abort', stop);
      await client.end().catch(() => undefined);
    }
  };
  const sessions = Math.max(1, Math.min(dump.parallel, todo.length));
  await Promise.allSettled(Array.from({ length: sessions }, worker));
  both.throwIfAborted();
  const tables = dump.contents.tables.map(({ data: _, bytes: __, ...table }) => ({
    ...table,
    rows: counts.get(table.oid) ?? null,
  }));
  return { tables, encoding };
}

async function copyTable(
  client: Client,
  table: TableEntry,
  file: string,
  encoding: string,
  signal: AbortSignal,
): Promise<number> {
  // the server's own encoding: nothing is converted, so nothing can fail to be
  const statement = `copy ${quoteTable(table.schema, table.name)} ${columnList(table)} to stdout (format text, encoding ${quoteLiteral(encoding)})`;
  const copy = client.query(copyTo(statement));
  await pipeline(copy, createGzip({ level: 1 }), createWriteStream(file, { mode: 0o600, flags: 'wx' }), {
    signal,
  });
  await sync(file);
  return copy.rowCount;
}

/** As `("id", "name")`. A table without columns has rows, too: COPY takes no empty list. */
export function columnList(table: { columns: string[] }): string {
  return table.columns.length === 0 ? '' : `(${table.columns.map(quoteIdent).join(', ')})`;
}

async function serverEncoding(client: Client): Promise<string> {
  const { rows } = await client.query<{ encoding: string }>(
    `select current_setting('server_encoding') as encoding`,
  );
  return rows[0]!.encoding;
}
