import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { quoteIdent, quoteLiteral, quoteTable } from '../catalog/quote.js';
import { RekeyError } from '../errors.js';
import { columnList } from './dump-copy.js';
import { copyFile, type Manifest, type TableEntry } from './manifest.js';
import { cancelSession } from './snapshot.js';

export interface CopyRestore {
  directory: string;
  targetUrl: string;
  client: Client;
  manifest: Manifest;
  chosen: TableEntry[];
  intoNonEmpty?: boolean;
  signal?: AbortSignal;
}

/**
 * COPY files back into tables that are there, in one transaction under ACCESS EXCLUSIVE on them. Foreign keys go for the
 * time of the load and come back checked, and the tables' own triggers don't fire, as with pg_restore.
 */
export async function restoreCopy(restore: CopyRestore): Promise<void> {
  const { client, chosen, signal } = restore;
  const stop = () => void cancelSession(restore.targetUrl, client);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await refuseMissing(client, chosen);
    await client.query('begin');
    if (chosen.length > 0)
      await client.query(`lock table ${chosen.map(name).join(', ')} in access exclusive mode`);
    if (!restore.intoNonEmpty) await refuseFilled(client, chosen);
    const keys = await foreignKeys(client, chosen);
    for (const key of keys)
      await client.query(`alter table ${key.on} drop constraint ${quoteIdent(key.name)}`);
    const triggers = await userTriggers(client, chosen);
    for (const trigger of triggers)
      await client.query(`alter table ${trigger.on} disable trigger ${trigger.name}`);
    for (const table of chosen) await load(restore, table);
    for (const trigger of triggers)
      await client.query(`alter table ${trigger.on} ${trigger.enable} ${trigger.name}`);
    for (const key of keys) {
      const constraint = quoteIdent(key.name);
      await client.query(`alter table ${key.on} add constraint ${constraint} ${key.definition}`);
      if (key.comment !== null)
        await client.query(
          `comment on constraint ${constraint} on ${key.on} is ${quoteLiteral(key.comment)}`,
        );
    }
    await setSequences(restore);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

const name = (table: { schema: string; name: string }) => quoteTable(table.schema, table.name);

async function load(restore: CopyRestore, table: TableEntry): Promise<void> {
  const encoding = quoteLiteral(restore.manifest.encoding ?? 'UTF8');
  const sql = `copy ${name(table)} ${columnList(table)} from stdin (format text, encoding ${encoding})`;
  const file = createReadStream(join(restore.directory, copyFile(table)));
  await pipeline(file, createGunzip(), restore.client.query(copyFrom(sql)), { signal: restore.signal });
}

async function refuseMissing(client: Client, chosen: TableEntry[]): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select name from unnest($1::text[]) as name where to_regclass(name) is null`,
    [chosen.map(name)],
  );
  if (rows.length === 0) return;
  throw new RekeyError('BadInput', {
    code: 'restore.no-schema',
    message: `the target lacks ${rows
      .slice(0, 10)
      .map((row) => row.name)
      .join(', ')}, and COPY files hold no schema`,
    remedy: 'Make the tables first, from your migrations or a schema dump taken elsewhere.',
  });
}

async function refuseFilled(client: Client, chosen: TableEntry[]): Promise<void> {
  for (const table of chosen) {
    const { rows } = await client.query<{ filled: boolean }>(
      `select exists (select from only ${name(table)}) as filled`,
    );
    if (rows[0]?.filled)
      throw new RekeyError('BadInput', {
        code: 'restore.not-empty',
        message: `${table.table} has rows in the target`,
        remedy: 'Restore into empty tables, or say --into-non-empty if the rows can stand beside each other.',
      });
  }
}

/** Foreign keys from and to these tables. */
async function foreignKeys(client: Client, chosen: TableEntry[]) {
  const { rows } = await client.query<{
    schema: string;
    table: string;
    name: string;
    definition: string;
    comment: string | null;
  }>(
    `select n.nspname::text as schema, c.relname::text as table, k.conname::text as name,
            pg_get_constraintdef(k.oid) as definition, obj_description(k.oid, 'pg_constraint') as comment
     from pg_constraint as k join pg_class as c on c.oid = k.conrelid join pg_namespace as n on n.oid = c.relnamespace
     where k.contype = 'f' and k.conparentid = 0
       and (k.conrelid = any ($1::text[]::regclass[]) or k.confrelid = any ($1::text[]::regclass[]))`,
    [chosen.map(name)],
  );
  return rows.map((row) => ({
    on: quoteTable(row.schema, row.table),
    name: row.name,
    definition: row.definition,
    comment: row.comment,
  }));
}

const enable: Record<string, string> = {
  O: 'enable trigger',
  A: 'enable always trigger',
  R: 'enable replica trigger',
};

async function userTriggers(client: Client, chosen: TableEntry[]) {
  const { rows } = await client.query<{ schema: string; table: string; name: string; state: string }>(
    `select n.nspname::text as schema, c.relname::text as table, t.tgname::text as name, t.tgenabled::text as state
     from pg_trigger as t join pg_class as c on c.oid = t.tgrelid join pg_namespace as n on n.oid = c.relnamespace
     where not t.tgisinternal and t.tgenabled <> 'D' and t.tgrelid = any ($1::text[]::regclass[])`,
    [chosen.map(name)],
  );
  return rows.map((row) => ({
    on: quoteTable(row.schema, row.table),
    name: quoteIdent(row.name),
    enable: enable[row.state] ?? 'enable trigger',
  }));
}

/** Forward only: a sequence that stands further in the target has given out values there. */
async function setSequences(restore: CopyRestore): Promise<void> {
  for (const sequence of restore.manifest.sequences) {
    await restore.client.query(
      `select setval(s.seqrelid::regclass, $2::int8, $3::bool) from pg_sequence as s
       where s.seqrelid = to_regclass($1::text) and has_sequence_privilege(s.seqrelid, 'update')
         and coalesce(case when s.seqincrement > 0 then pg_sequence_last_value(s.seqrelid) <= $2::int8
                           else pg_sequence_last_value(s.seqrelid) >= $2::int8 end, true)`,
      [quoteTable(sequence.schema, sequence.name), sequence.last, sequence.called],
    );
  }
}
