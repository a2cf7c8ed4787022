import { RekeyError } from '../errors.js';
import type { CommandResult } from '../run-command.js';

/**
 * What went wrong in pg_dump or pg_restore, in our own words: their text quotes the server's, which may hold row data, so
 * it stays in the log beside the backup. These programs give no SQLSTATE; the few texts below are the ones that decide
 * whether trying again can help, and on a server with translated messages the answer is the careful one: it can't.
 */
export function toolFailure(
  tool: 'pg_dump' | 'pg_restore',
  result: CommandResult,
  log: string | null,
): RekeyError {
  const text = result.stderr;
  const see = log === null ? '' : ` What it said is in ${log}.`;
  const failed = (code: string, message: string, remedy: string, sqlstate?: string) =>
    new RekeyError('StepFailed', {
      code,
      message: `${tool}: ${message}`,
      remedy: `${remedy}${see}`,
      sqlstate,
    });
  const transient = (code: string, message: string, remedy: string, sqlstate?: string) =>
    new RekeyError('Transient', {
      code,
      message: `${tool}: ${message}`,
      remedy: `${remedy}${see}`,
      sqlstate,
    });

  if (result.notStarted !== null)
    return failed(
      'backup.tool-not-started',
      `could not be started (${result.notStarted})`,
      'Check REKEY_PG_BIN.',
    );
  if (/no space left on device|disk quota exceeded|file too large/i.test(text))
    return failed(
      'backup.disk-full',
      'the disk is full, or its quota or a limit on the size of files is reached',
      'Make room where REKEY_BACKUPS is, then retry.',
      '53100',
    );
  if (/row-level security/i.test(text))
    return failed(
      'backup.row-security',
      'row-level security would hide rows from the backup',
      'Let the owner of the tables connect, without FORCE ROW LEVEL SECURITY.',
      '42501',
    );
  if (/password authentication failed|no pg_hba\.conf entry|no password supplied/i.test(text))
    return failed(
      'backup.login-refused',
      'the server refused the login',
      'Check the connection and its password.',
      '28000',
    );
  if (/permission denied/i.test(text))
    return failed('privilege.missing', 'a privilege is missing', 'Grant what the log names.', '42501');
  if (
    /could not obtain lock|canceling statement due to (lock|statement) timeout|deadlock detected/i.test(text)
  )
    return transient(
      'backup.lock',
      'a table stayed locked',
      'Wait for the end of the statement that locks it.',
      '55P03',
    );
  if (
    /connection to server|server closed the connection|terminating connection|the database system is/i.test(
      text,
    )
  )
    return transient(
      'connection.lost',
      'the connection was lost',
      'Check that the server runs and can be reached.',
      '08006',
    );
  const how = result.signal ? `was ended by ${result.signal}` : `ended with exit code ${result.code}`;
  return failed('backup.tool-failed', how, 'Read the log, mend what it names, then retry.');
}
