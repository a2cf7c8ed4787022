import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

/**
 * A file name that any database, plan or phase name can be turned into: letters, digits, `_`, `-` and inner dots stay,
 * all else becomes %XX. Different names stay different, none leads out of its directory, none exceeds 120 characters.
 */
export function fileName(name: string): string {
  const safe = [...Buffer.from(name, 'utf8')]
    .map((byte, i) => {
      const char = String.fromCharCode(byte);
      const plain = /[A-Za-z0-9_-]/.test(char) || (char === '.' && i > 0);
      return plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (safe.length <= 120 && safe !== '') return safe;
  return `${safe.slice(0, 100)}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

/** Where the backup `name` of a database lies below REKEY_BACKUPS. */
export function backupDirectory(root: string, database: string, name: string): string {
  return join(resolve(root), fileName(database), fileName(name));
}

/**
 * The application name of all sessions that write one backup: what an attempt whose worker was killed has left running
 * is found by it.
 */
export function backupSessionName(backup: string): string {
  return `rekey backup ${createHash('sha256').update(backup).digest('hex').slice(0, 12)}`;
}
