import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest } from '../src/backup/manifest.js';
import { restoreBackup } from '../src/backup/restore.js';
import { quoteIdent } from '../src/catalog/quote.js';
import { type Hazard, RekeyError } from '../src/errors.js';
import { rekeySchemaVersionOf } from '../src/postgres/bootstrap.js';
import { openSession } from '../src/postgres/connect.js';
import { fromPostgres } from '../src/postgres/from-postgres.js';
import { readJournal } from '../src/postgres/journal-reader.js';
import { assertOwner } from '../src/postgres/ownership.js';
import type { Session } from '../src/postgres/session.js';
import { refuseWhatStandsOnRekey } from '../src/postgres/stands-on-rekey.js';
import type { Attempt } from './attempt.js';
import { backupRoot } from './backup.js';
import { connectionUrl, scratchConnection } from './connection-url.js';
import type { PhaseRef, StepResult } from './contract.js';
import { journalStep, type StepWork, withStep } from './phase-work.js';
import { Tally } from './run-work.js';

/** The schema was made when the phase was opened, as the journal lies in it; here it is looked at. */
export function createFoundation(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('createFoundation', ref, attempt, async (work) => {
    const tally = new Tally();
    await journalStep(work, { schema: await rekeySchemaVersionOf(work.session) });
    return tally.result();
  });
}

/** Exports the journal into REKEY_BACKUPS, then drops the schema rekey with all that is in it; nothing where others stand on it. Locks: none on tables of others. */
export async function dropFoundation(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  const tally = new Tally();
  const session = await openSession(ref.connection, `${ref.phase} dropFoundation`);
  try {
    if ((await rekeySchemaVersionOf(session)) === null) return tally.result();
    await assertOwner(session, ref.run);
    await refuseWhatStandsOnRekey(session, 'are gone');
    attempt.heartbeat({ doing: 'exports the journal' });
    const journal = await readJournal(session);
    const { database } = await session.one<{ database: string }>(
      'select pg_catalog.current_database() as database',
    );
    const directory = join(backupRoot(), database);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, `journal-${ref.run.runId}.jsonl`);
    await writeFile(`${file}.partial`, journal.map((row) => `${JSON.stringify(row)}\n`).join(''), {
      mode: 0o600,
    });
    await rename(`${file}.partial`, file);
    await session.execute('drop schema rekey cascade');
    tally.ran(journal.length);
    return tally.result();
  } finally {
    await session.close();
  }
}

/** Restores the foundation's backup into a database that is made for it and dropped again. */
export function restoreDrill(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('restoreDrill', ref, attempt, async (work) => {
    const tally = new Tally();
    const directory = await newestBackup(work);
    const { format } = await readManifest(directory);
    if (format === 'directory') tally.ran(await restoreIntoScratch(work, directory));
    // COPY files hold no schema, and a snapshot is no file: there is nothing here to make a database of
    const note =
      format === 'directory'
        ? undefined
        : `the restore drill restored nothing: a backup of format ${format} can't be restored into an empty database; restore it once yourself`;
    const result = { ...tally.result(), ...(note ? { note } : {}) };
    await journalStep(work, { ...result, format });
    return result;
  });
}

async function newestBackup(work: StepWork): Promise<string> {
  const [row] = await work.session.query<{ path: string }>(
    'select path from rekey.backup where phase = $1 and path is not null order by id desc limit 1',
    [work.ref.phase],
  );
  if (row) return row.path;
  throw new RekeyError('StepFailed', {
    code: 'backup.not-taken',
    message: `there is no backup of ${work.ref.phase}`,
    remedy: 'Roll the phase back and start it again.',
  });
}

async function restoreIntoScratch(work: StepWork, directory: string): Promise<number> {
  const connection = scratchConnection(work.ref.connection) ?? work.ref.connection;
  const admin = await openSession(connection, `${work.ref.phase} drill`);
  try {
    await assertMayCreate(admin, work.ref.connection);
    const name = `rekey_drill_${work.ref.run.runId.replaceAll('-', '').slice(0, 16)}`;
    const drop = `drop database if exists ${quoteIdent(name)} with (force)`;
    await admin.execute(drop);
    await admin.execute(`create database ${quoteIdent(name)} template template0`);
    try {
      const restored = await restoreBackup(
        {
          directory,
          targetUrl: withDatabase(connectionUrl(connection), name),
          owners: 'leave-out',
          parallel: 2,
        },
        (progress) => work.heartbeat(progress),
        work.signal,
      ).catch((error) => {
        throw work.signal.aborted ? error : fromPostgres(error, { connection });
      });
      return restored.rows;
    } finally {
      await admin.letGo(drop);
    }
  } finally {
    await admin.close();
  }
}

/** What the drill after the backup will find, before it is taken: hours may lie between. */
export async function scratchHazards(work: StepWork): Promise<Hazard[]> {
  if (work.phase.kind !== 'foundation' || typeof work.phase.backup === 'object') return [];
  const admin = await openSession(
    scratchConnection(work.ref.connection) ?? work.ref.connection,
    `${work.ref.phase} drill`,
  );
  try {
    if (await mayCreate(admin)) return [];
  } finally {
    await admin.close();
  }
  return [
    {
      hazard: 'scratch-no-createdb',
      rank: 'note',
      on: 'restoreDrill',
      message:
        'no role that may create databases is known: the restore drill that follows the backup will stop there',
      remedy: `set ${scratchVariable(work.ref.connection)} on the worker to a URL of a role with CREATEDB and start the worker again`,
    },
  ];
}

async function mayCreate(admin: Session): Promise<boolean> {
  const { may } = await admin.one<{ may: boolean }>(
    'select rolcreatedb or rolsuper as may from pg_catalog.pg_roles where rolname = current_user',
  );
  return may;
}

const scratchVariable = (connection: string) =>
  `REKEY_CONNECTION_${connection.toUpperCase().replaceAll('-', '_')}_SCRATCH`;

async function assertMayCreate(admin: Session, connection: string): Promise<void> {
  if (await mayCreate(admin)) return;
  throw new RekeyError('StepFailed', {
    code: 'scratch.no-createdb',
    message: 'no role that may create databases is known, so that the backup can not be restored for a trial',
    remedy: `Set ${scratchVariable(connection)} on the worker to a URL of a role with CREATEDB (on any server of this version), start the worker again, then resolve with retry.`,
  });
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.toString();
}
