import { type BackupRequest, type TakenBackup, takeBackup } from '../src/backup/dump.js';
import { RekeyError } from '../src/errors.js';
import { fromPostgres } from '../src/postgres/from-postgres.js';
import { writeJournal } from '../src/postgres/journal.js';
import type { Attempt } from './attempt.js';
import { assertRoom } from './backup-room.js';
import { connectionUrl } from './connection-url.js';
import type { BackupResult, PhaseRef } from './contract.js';
import { oidsOf } from './ground.js';
import { journalStep, type StepWork, toPhaseWork, withStep } from './phase-work.js';

/** pg_dump, or COPY files, or a snapshot that somebody else took; read back. Never deleted by a rollback. Locks: ACCESS SHARE. */
export function backup(ref: PhaseRef, attempt: Attempt): Promise<BackupResult> {
  return withStep('backup', ref, attempt, async (work) => {
    const { what, oids } = await whatOf(work);
    const taken = await takePhaseBackup(work, await backupName(work), what, oids);
    await journalStep(work, { backup: taken.backup, files: taken.files, bytes: taken.bytes });
    const { already, backup: name, files, bytes, verified, format } = taken;
    return { already, backup: name, files, bytes, verified, format };
  });
}

async function whatOf(work: StepWork): Promise<{ what: BackupRequest['what']; oids: number[] | null }> {
  const { backup: kind } = work.phase;
  if (typeof kind === 'object') return { what: { external: kind.external }, oids: null };
  if (kind === 'full' || work.phase.kind !== 'tables') return { what: { scope: 'full' }, oids: null };
  const tables = await toPhaseWork(work);
  return { what: { scope: 'tables', tables: tables.view.substitution.tables }, oids: oidsOf(tables) };
}

/** One for each time that the phase is begun: a backup of before a rollback is none of the second run. */
async function backupName(work: StepWork): Promise<string> {
  const began = work.record.startedAt.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${work.plan.plan}-${work.ref.phase}-${work.ref.planHash}-${began}`;
}

/** `oids`: of the tables that it is of, for measuring; null for the whole database. */
export async function takePhaseBackup(
  work: StepWork,
  name: string,
  what: BackupRequest['what'],
  oids: number[] | null = null,
): Promise<TakenBackup> {
  const root = backupRoot();
  const tables = 'scope' in what && what.scope === 'tables' ? what.tables : null;
  if (!('external' in what)) await assertRoom(work, root, oids);
  const taken = await takeBackup(
    { url: connectionUrl(work.ref.connection), what, root, name, parallel: 2 },
    (progress) => work.heartbeat({ doing: `backup: ${progress.doing}`, bytes: progress.bytes }),
    work.signal,
  ).catch((error) => {
    throw work.signal.aborted ? error : fromPostgres(error, { connection: work.ref.connection });
  });
  await work.session.execute(
    `insert into rekey.backup (phase, name, path, format, files, bytes, verified_at)
     values ($1, $2, $3, $4, $5, $6, pg_catalog.now()) on conflict (name) do update set verified_at = excluded.verified_at`,
    [work.ref.phase, taken.backup, taken.directory, taken.format, taken.files, taken.bytes],
  );
  await writeJournal(work.session, work.scope, {
    kind: 'note',
    object: `backup ${taken.backup}`,
    rows: taken.rows,
    detail: { format: taken.format, files: taken.files, bytes: taken.bytes, tables: tables?.length ?? 'all' },
  });
  return taken;
}

export function backupRoot(): string {
  const root = process.env.REKEY_BACKUPS;
  if (root) return root;
  throw new RekeyError('StepFailed', {
    code: 'backup.no-directory',
    message: 'REKEY_BACKUPS is not set, so that there is no place for backups',
    remedy:
      "Set REKEY_BACKUPS in the worker's environment to a directory with room, start the worker again, then resolve with retry.",
  });
}
