import type { Session } from './session.js';

export interface BackupRow {
  phase: string;
  name: string;
  /** null for an external one */
  path: string | null;
  format: 'directory' | 'copy' | 'external';
  files: number;
  bytes: number;
  manifestSha256: string | null;
  takenAt: Date;
  verifiedAt: Date | null;
}

const columns = `phase, name, path, format, files, bytes::float8 as bytes, manifest_sha256 as "manifestSha256",
  taken_at as "takenAt", verified_at as "verifiedAt"`;

/** Writes that a backup was taken; the same name again overwrites what was said of it. */
export async function writeBackup(
  session: Session,
  backup: Omit<BackupRow, 'takenAt' | 'verifiedAt'> & { verified: boolean },
): Promise<void> {
  await session.query(
    `insert into rekey.backup (phase, name, path, format, files, bytes, manifest_sha256, verified_at)
     values ($1, $2, $3, $4, $5, $6, $7, case when $8 then pg_catalog.clock_timestamp() end)
     on conflict (name) do update
       set path = excluded.path, format = excluded.format, files = excluded.files, bytes = excluded.bytes,
         manifest_sha256 = excluded.manifest_sha256, verified_at = excluded.verified_at`,
    [
      backup.phase,
      backup.name,
      backup.path,
      backup.format,
      backup.files,
      backup.bytes,
      backup.manifestSha256,
      backup.verified,
    ],
  );
}

/** Newest first; of one phase, or of all. */
export async function readBackups(session: Session, phase: string | null = null): Promise<BackupRow[]> {
  return session.query<BackupRow>(
    `select ${columns} from rekey.backup where $1::text is null or phase = $1 order by id desc`,
    [phase],
  );
}
