import { onlyUnknownSetting } from '../../src/backup/restore-archive.js';

const body =
  'could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"\nCommand was: SET transaction_timeout = 0;\n';
const end = 'pg_restore: warning: errors ignored on restore: 2\n';

describe('A restore by a newer pg_restore into a server that does not know transaction_timeout', () => {
  it('is good where that is all that failed', () => {
    expect(onlyUnknownSetting(`pg_restore: error: ${body}pg_restore: error: ${body}${end}`)).toBe(true);
  });

  it('is good where two jobs wrote their messages at the same moment', () => {
    expect(onlyUnknownSetting(`pg_restore: pg_restore: error: error: ${body}${body}${end}`)).toBe(true);
  });

  it.each([
    ['another statement', 'could not execute query: ERROR:  no room\nCommand was: CREATE TABLE a ();\n'],
    ['the copy of a table', 'COPY failed for table "a": ERROR:  no room\n'],
  ])('is not good where %s failed, too', (_, other) => {
    expect(onlyUnknownSetting(`pg_restore: error: ${body}pg_restore: error: ${other}${end}`)).toBe(false);
    expect(onlyUnknownSetting(`pg_restore: pg_restore: error: error: ${body}${other}${end}`)).toBe(false);
  });

  it('is not good where it said nothing, or so much that its beginning is lost', () => {
    expect(onlyUnknownSetting('')).toBe(false);
    expect(onlyUnknownSetting(`[64 kB left out]\npg_restore: error: ${body}`)).toBe(false);
  });
});
