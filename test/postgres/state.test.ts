import { readBackups, writeBackup } from '../../src/postgres/backups.js';
import { advanceCursor, planCursors, readCursor, readCursors } from '../../src/postgres/cursors.js';
import { readFindings, writeFinding } from '../../src/postgres/findings.js';
import { declareFlags, readFlags, switchFlags } from '../../src/postgres/flags.js';
import { beginHook, endHook, readHooks } from '../../src/postgres/hook-runs.js';
import { readProbes, writeProbe } from '../../src/postgres/probes.js';
import { rekeySession } from './rekey-session.js';

const at = rekeySession();

describe('a cursor', () => {
  const cursor = { phase: 'users', tableName: 'users', rangeNo: 1 };
  const step = { from: 50, to: 60, rows: 500, seconds: 0.2, skipped: [53], done: false };

  test('is cut once, whoever plans it again', async () => {
    const ranges = [
      { nextBlock: 0, endBlock: 50, rowsTotal: 2_500 },
      { nextBlock: 50, endBlock: null, rowsTotal: 2_499.6 },
    ];
    await planCursors(at.session, 'users', 'users', ranges);
    await planCursors(at.session, 'users', 'users', [{ nextBlock: 0, endBlock: null, rowsTotal: 1 }]);
    expect(await readCursors(at.session, 'users')).toMatchObject([
      { rangeNo: 0, nextBlock: 0, endBlock: 50 },
      { rangeNo: 1, nextBlock: 50, endBlock: null, rowsTotal: 2_500, rowsDone: 0, done: false },
    ]);
  });

  test('moves with the transaction of its batch, and refuses a batch that another attempt has done', async () => {
    await at.session
      .transaction(async () => {
        expect(await advanceCursor(at.session, cursor, step)).toBe(true);
        throw new Error('the batch fails');
      })
      .catch(() => undefined);
    expect(await readCursor(at.session, 'users', 'users', 1)).toMatchObject({ nextBlock: 50, rowsDone: 0 });
    expect(await advanceCursor(at.session, cursor, step)).toBe(true);
    expect(await advanceCursor(at.session, cursor, step)).toBe(false);
    expect(await readCursor(at.session, 'users', 'users', 1)).toMatchObject({
      nextBlock: 60,
      rowsDone: 500,
      skipped: [53],
    });
    expect(await advanceCursor(at.session, cursor, { ...step, from: 60, to: 61, done: true })).toBe(true);
    expect(await advanceCursor(at.session, cursor, { ...step, from: 61 })).toBe(false);
  });
});

test('flags are switched with the transaction of the cutover, and applications see them in rekey.flags', async () => {
  await declareFlags(at.session, 'users', ['USE_UUID_FOR_USERS']);
  expect(await readFlags(at.session)).toEqual([{ name: 'USE_UUID_FOR_USERS', enabled: false }]);
  await at.session
    .transaction(async () => {
      await switchFlags(at.session, 'users', ['USE_UUID_FOR_USERS'], true);
      throw new Error('the cutover fails');
    })
    .catch(() => undefined);
  expect(await readFlags(at.session)).toEqual([{ name: 'USE_UUID_FOR_USERS', enabled: false }]);
  await switchFlags(at.session, 'users', ['USE_UUID_FOR_USERS'], true);
  await declareFlags(at.session, 'users', ['USE_UUID_FOR_USERS']);
  expect(await readFlags(at.session)).toEqual([{ name: 'USE_UUID_FOR_USERS', enabled: true }]);
});

test('findings keep their examples, newest first', async () => {
  const finding = {
    phase: 'users',
    step: 'preflight',
    check: 'orphans',
    object: 'posts.user_id',
    count: 3,
    example: [{ id: 7 }],
  };
  await writeFinding(at.session, finding);
  await writeFinding(at.session, { ...finding, count: null, example: undefined });
  const found = await readFindings(at.session, { phase: 'users' });
  expect(found).toMatchObject([{ count: null, example: null }, finding]);
  expect(await readFindings(at.session, { limit: 1 })).toHaveLength(1);
});

test('a probe keeps its newest measurement of each moment', async () => {
  const probe = { phase: 'users', probe: 'by key', moment: 'baseline', runs: 50, medianMs: 1.5, p95Ms: 2 };
  await writeProbe(at.session, { ...probe, medianMs: 9 });
  await writeProbe(at.session, probe);
  await writeProbe(at.session, { ...probe, moment: 'after-swap', medianMs: 1.4 });
  expect(await readProbes(at.session, 'users')).toEqual([
    { ...probe, moment: 'after-swap', medianMs: 1.4 },
    probe,
  ]);
});

test('a hook that is done does not run again on the same occasion; one that failed or was killed does', async () => {
  const run = { phase: 'users', moment: 'before-swap', key: 'run-1/12' };
  expect(await beginHook(at.session, run)).toBe(true);
  expect(await beginHook(at.session, run)).toBe(true);
  await endHook(at.session, { ...run, state: 'failed', exitCode: 3, durationMs: 10 });
  expect(await beginHook(at.session, run)).toBe(true);
  await endHook(at.session, { ...run, state: 'done', exitCode: 0, durationMs: 12 });
  expect(await beginHook(at.session, run)).toBe(false);
  expect(await readHooks(at.session, 'users')).toEqual([
    { ...run, state: 'done', exitCode: 0, durationMs: 12 },
  ]);
});

test('a backup is known by its name, and whether it was verified', async () => {
  const backup = {
    phase: 'users',
    name: 'users-1',
    path: 'users-1',
    format: 'directory',
    files: 3,
    bytes: 5e9,
    manifestSha256: 'x',
  } as const;
  await writeBackup(at.session, { ...backup, verified: false });
  expect(await readBackups(at.session, 'users')).toMatchObject([{ ...backup, verifiedAt: null }]);
  await writeBackup(at.session, { ...backup, verified: true });
  expect((await readBackups(at.session)).map(({ verifiedAt }) => verifiedAt)).toEqual([expect.any(Date)]);
});
