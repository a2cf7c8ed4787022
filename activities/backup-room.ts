import { estimateBackup, freeDisk } from '../src/backup/disk.js';
import { type Hazard, RekeyError } from '../src/errors.js';
import { oidsOf } from './ground.js';
import type { PhaseWork, StepWork } from './phase-work.js';

/** Whether the backup of a phase will find its place, measured where REKEY_BACKUPS points to: for preflight. */
export async function backupRoom(work: StepWork, tables: PhaseWork | null): Promise<Hazard[]> {
  const { backup } = work.phase;
  if (typeof backup === 'object') return [];
  const stop = (hazard: string, message: string, remedy: string): Hazard[] => [
    { hazard, rank: 'stop', on: 'REKEY_BACKUPS', message, remedy },
  ];
  const root = process.env.REKEY_BACKUPS;
  if (!root)
    return stop(
      'backup-no-directory',
      'REKEY_BACKUPS is not set, so that there is no place for the backup',
      "set REKEY_BACKUPS in the worker's environment to a directory with room, start the worker again, then resolve with retry",
    );
  const missing = await roomMissing(work, root, backup === 'tables' && tables ? oidsOf(tables) : null);
  if (missing === null) return [];
  return stop(
    'backup-too-little-room',
    `the backup needs about ${missing.need}, and ${missing.free} are free`,
    'make room where REKEY_BACKUPS points to, or point it elsewhere and start the worker again, then resolve with retry',
  );
}

/** The same just before it is taken: hours may have gone by. Throws StepFailed `backup.no-room`. */
export async function assertRoom(work: StepWork, root: string, tables: number[] | null): Promise<void> {
  const missing = await roomMissing(work, root, tables);
  if (missing === null) return;
  throw new RekeyError('StepFailed', {
    code: 'backup.no-room',
    message: `the backup needs about ${missing.need}, and ${missing.free} are free`,
    remedy: 'Make room where REKEY_BACKUPS points to, then resolve with retry.',
  });
}

/** `tables`: oids, null for the whole database. Null where there is room. */
async function roomMissing(
  work: StepWork,
  root: string,
  tables: number[] | null,
): Promise<{ need: string; free: string } | null> {
  const query = async (text: string, values?: unknown[]) => ({
    rows: await work.session.query(text, values),
  });
  const [free, need] = await Promise.all([freeDisk(root), estimateBackup({ query } as never, tables)]);
  const mb = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MB`;
  return free > need ? null : { need: mb(need), free: mb(free) };
}
