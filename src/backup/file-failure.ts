import { RekeyError } from '../errors.js';

/**
 * What the file system said while a backup was written, as an operator can use it; null for any other error. Paths stay
 * out of it: the place is the one that REKEY_BACKUPS names on the worker.
 */
export function fileFailure(error: unknown): RekeyError | null {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== 'string' || typeof syscall !== 'string') return null;
  // a connection that was lost has a system call, too
  if (/^(connect|read ECONN|getaddrinfo)/.test(`${syscall} ${code}`) || /^(ECONN|EPIPE|ETIMEDOUT)/.test(code))
    return null;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new RekeyError('StepFailed', {
      code: 'backup.disk-full',
      message: 'the disk for backups is full',
      remedy: 'Make room where REKEY_BACKUPS is, then resolve with retry.',
    });
  return new RekeyError('StepFailed', {
    code: 'backup.not-written',
    message: `the backup can not be written (${code})`,
    remedy:
      'Let the user of the worker write where REKEY_BACKUPS points to: a directory, on a disk that takes writes. Then resolve with retry.',
  });
}
