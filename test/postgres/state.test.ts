import { readBackups, writeBackup } from '../../src/postgres/backups.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession, withSession } from '../../src/postgres/connect.js';
import { advanceCursor, planCursors, readCursor, readCursors } from '../../src/postgres/cursors.js';
import { readDecisions, writeDecision } from '../../src/postgres/decisions.js';
import { readDocument, storeDocument } from '../../src/postgres/documents.js';
import { readFindings, writeFinding } from '../../src/postgres/findings.js';
import { declareFlags, readFlags, switchFlags } from '../../src/postgres/flags.js';
import { closeGate, newestOpening, openGate, setDeadline } from '../../src/postgres/gates.js';
import { beginHook, endHook, readHooks } from '../../src/postgres/hook-runs.js';
import {
  forgetMembers,
  type MemberRow,
  readMembers,
  setMemberState,
  writeMembers,
} from '../../src/postgres/members.js';
import {
  assertOwner,
  claimOwner,
  type Owner,
  readOwner,
  releaseOwner,
  takeOwner,
  undoCluster,
} from '../../src/postgres/ownership.js';
import {
  openPhaseRow,
  readPhase,
  readPhases,
  setCutOver,
  setPhaseGround,
  setPhaseState,
} from '../../src/postgres/phases.js';
import { readProbes, writeProbe } from '../../src/postgres/probes.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

let database: ConnectedDatabase;
let session: Session;
beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
  await createRekeySchema(session);
});
afterAll(async () => {
  await session.close();
  await database.drop();
});

describe('an opening of a gate', () => {
  const gate = { phase: 'users', gate: 'before-swap', planHash: 'abc', parked: false, deadline: null };

  test('keeps its number when the activity that opened it is tried again, even at the same moment', async () => {
    const first = await openGate(session, { ...gate, key: 'run-1 7' });
    const again = await Promise.all(
      ['a', 'b'].map((who) =>
        withSession(database.connection, who, (other) => openGate(other, { ...gate, key: 'run-1 7' })),
      ),
    );
    expect(again.map(({ opening }) => opening)).toEqual([first.opening, first.opening]);
  });

  test('closes the one that a reset has left open, and is the newest from then on', async () => {
    const old = await openGate(session, { ...gate, key: 'run-1 7' });
    const fresh = await openGate(session, { ...gate, key: 'run-2 7' });
    expect(fresh.opening).toBeGreaterThan(old.opening);
    expect(await newestOpening(session, 'users')).toMatchObject({ opening: fresh.opening, closedAt: null });
    expect(await openGate(session, { ...gate, key: 'run-1 7' })).toMatchObject({ outcome: 'superseded' });
  });

  test('stays open while a later step of the same run parks, so that a retry goes on with its approval', async () => {
    const approved = await openGate(session, { ...gate, key: 'run-3 1' });
    await openGate(session, { ...gate, gate: 'hook before-swap', parked: true, key: 'run-3 2' });
    expect(await newestOpening(session, 'users', 'before-swap')).toMatchObject({
      opening: approved.opening,
      closedAt: null,
    });
  });

  test('stays open while a step parks after a reset at the gate, which gave the run another id', async () => {
    const approved = await openGate(session, { ...gate, key: 'run-4 1' });
    await openGate(session, { ...gate, gate: 'hook before-swap', parked: true, key: 'run-5 2' });
    expect(await newestOpening(session, 'users', 'before-swap')).toMatchObject({
      opening: approved.opening,
      closedAt: null,
    });
  });

  test('can get another deadline while it is open, and keeps its first outcome', async () => {
    const { opening } = await openGate(session, { ...gate, gate: 'after-swap', key: 'run-2 9' });
    await setDeadline(session, opening, '2030-01-02T03:04:05.000Z');
    await closeGate(session, opening, 'approved');
    await closeGate(session, opening, 'rejected');
    await setDeadline(session, opening, null);
    expect(await newestOpening(session, 'users', 'after-swap')).toMatchObject({
      outcome: 'approved',
      deadline: new Date('2030-01-02T03:04:05.000Z'),
    });
    expect(await newestOpening(session, 'leaf-tables')).toBeNull();
  });

  test('has its decisions written once each', async () => {
    const decision = {
      opening: 1,
      phase: 'users',
      checkpoint: 'before-swap',
      decision: 'approve',
      by: 'Ada',
      clientIdentity: 'cli@host',
      principal: null,
      reason: null,
      checklist: ['seen'],
      verdict: 'counted',
      at: new Date(1_000),
    };
    await writeDecision(session, 'run-1/e5', decision);
    await writeDecision(session, 'run-1/e5', decision);
    expect(await readDecisions(session, 'users')).toEqual([decision]);
    expect(await readDecisions(session, 'users', 2)).toEqual([]);
  });
});

describe('a database', () => {
  const run = (change: Partial<Owner> = {}): Owner => ({
    plan: 'testapp',
    workflowId: 'move',
    firstRunId: 'first',
    runId: 'first',
    namespace: 'default',
    clusterId: 'cluster',
    ...change,
  });
  const never = async () => {
    throw new Error('nobody should ask');
  };

  test('belongs to the run that claims it first, and stays with it over a reset', async () => {
    await claimOwner(session, run(), never);
    await claimOwner(session, run({ runId: 'after-reset' }), never);
    expect(await readOwner(session)).toEqual(run({ runId: 'after-reset' }));
    await assertOwner(session, run());
  });

  test('is refused to a second run while the first is open, with the command that cancels it', async () => {
    await expect(
      claimOwner(session, run({ workflowId: 'second', firstRunId: 's' }), async () => false),
    ).rejects.toMatchObject({
      type: 'BadInput',
      code: 'owner.other-run',
      remedy: expect.stringContaining('temporal workflow cancel --namespace default --workflow-id move'),
    });
  });

  test('is refused to a run of another cluster or namespace, whatever that one says', async () => {
    for (const change of [{ clusterId: 'x' }, { namespace: 'x' }]) {
      const work = claimOwner(
        session,
        run({ workflowId: 'second', firstRunId: 's', ...change }),
        async () => true,
      );
      await expect(work).rejects.toMatchObject({ code: 'owner.other-cluster' });
    }
  });

  test('is refused while an undo has it, running or interrupted, with the command that goes on with the undo', async () => {
    const owner = await readOwner(session);
    await takeOwner(session, run({ workflowId: 'undo by ann', namespace: 'none', clusterId: undoCluster }));
    await expect(claimOwner(session, run({ firstRunId: 's' }), async () => true)).rejects.toMatchObject({
      code: 'owner.undo',
      message: expect.stringContaining('undo by ann'),
      remedy: expect.stringContaining('type it again, it goes on where it stopped: rekey undo'),
    });
    await takeOwner(session, owner as Owner);
  });

  test('goes to the next run when the owner is closed, and the old one is told so', async () => {
    await claimOwner(session, run({ workflowId: 'second', firstRunId: 's' }), async () => true);
    await expect(assertOwner(session, run())).rejects.toMatchObject({ type: 'NotOwner', code: 'owner.lost' });
    await releaseOwner(session, run());
    expect((await readOwner(session))?.workflowId).toBe('second');
  });

  test('goes to one of two runs that claim it at once', async () => {
    await database.sql('delete from rekey.owner');
    const claims = await Promise.allSettled(
      ['a', 'b'].map((who) =>
        withSession(database.connection, who, (other) =>
          claimOwner(other, run({ workflowId: who, firstRunId: who }), async () => false),
        ),
      ),
    );
    expect(claims.map((claim) => claim.status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('a phase', () => {
  const users = {
    phase: 'users',
    plan: 'testapp',
    planHash: 'abc',
    position: 2,
    kind: 'tables',
    planDocument: null,
    wroteVersion: '0.1.0',
  };

  test('that is open or done stays as it was when it is opened again; one that was rolled back begins anew', async () => {
    await openPhaseRow(session, users);
    expect(await openPhaseRow(session, { ...users, planHash: 'changed' })).toMatchObject({
      planHash: 'abc',
      state: 'open',
    });
    await setPhaseState(session, 'users', 'done');
    expect(await openPhaseRow(session, { ...users, planHash: 'changed' })).toMatchObject({
      planHash: 'abc',
      state: 'done',
    });
    await setPhaseState(session, 'users', 'rolled-back');
    expect(await openPhaseRow(session, { ...users, planHash: 'changed' })).toMatchObject({
      planHash: 'changed',
      state: 'open',
      finishedAt: null,
    });
    await openPhaseRow(session, { ...users, phase: 'leaf-tables', position: 1 });
    expect((await readPhases(session)).map(({ phase }) => phase)).toEqual(['leaf-tables', 'users']);
  });

  test('keeps what preflight saw, and whether it has cut over', async () => {
    const catalogDocument = await storeDocument(session, 'catalog', '{"tables":[]}');
    await setPhaseGround(session, 'users', { catalogDocument, fingerprint: 'f' });
    await setCutOver(session, 'users', true);
    expect(await readPhase(session, 'users')).toMatchObject({
      catalogDocument,
      fingerprint: 'f',
      cutOver: true,
    });
    expect((await readPhase(session, 'users'))?.cutOverAt).toBeInstanceOf(Date);
    await setCutOver(session, 'users', false);
    expect(await readPhase(session, 'users')).toMatchObject({ cutOver: false, cutOverAt: null });
    expect(await readPhase(session, 'nothing')).toBeNull();
    expect(await readDocument(session, catalogDocument)).toBe('{"tables":[]}');
    expect(await readDocument(session, 'nothing')).toBeNull();
  });

  test('knows its members, once each, also where a surrogate has no column before', async () => {
    const member: MemberRow = {
      phase: 'users',
      tableName: 'users',
      columnBefore: 'user_id',
      shadow: 'uuid_id',
      columnAfter: 'user_id',
      legacy: 'legacy_user_id',
      role: 'key',
      domain: 'users',
      state: 'shadow',
    };
    const surrogate = { ...member, tableName: 'cycle_reports', columnBefore: null, legacy: null };
    await writeMembers(session, [member, surrogate]);
    await writeMembers(session, [member, surrogate]);
    await setMemberState(session, 'users', 'cut-over');
    expect(await readMembers(session, 'users')).toEqual([
      { ...surrogate, state: 'cut-over' },
      { ...member, state: 'cut-over' },
    ]);
    await forgetMembers(session, 'users');
    expect(await readMembers(session)).toEqual([]);
  });
});

describe('a cursor', () => {
  const cursor = { phase: 'users', tableName: 'users', rangeNo: 1 };
  const step = { from: 50, to: 60, rows: 500, seconds: 0.2, skipped: [53], done: false };

  test('is cut once, whoever plans it again', async () => {
    const ranges = [
      { nextBlock: 0, endBlock: 50, rowsTotal: 2_500 },
      { nextBlock: 50, endBlock: null, rowsTotal: 2_499.6 },
    ];
    await planCursors(session, 'users', 'users', ranges);
    await planCursors(session, 'users', 'users', [{ nextBlock: 0, endBlock: null, rowsTotal: 1 }]);
    expect(await readCursors(session, 'users')).toMatchObject([
      { rangeNo: 0, nextBlock: 0, endBlock: 50 },
      { rangeNo: 1, nextBlock: 50, endBlock: null, rowsTotal: 2_500, rowsDone: 0, done: false },
    ]);
  });

  test('moves with the transaction of its batch, and refuses a batch that another attempt has done', async () => {
    await session
      .transaction(async () => {
        expect(await advanceCursor(session, cursor, step)).toBe(true);
        throw new Error('the batch fails');
      })
      .catch(() => undefined);
    expect(await readCursor(session, 'users', 'users', 1)).toMatchObject({ nextBlock: 50, rowsDone: 0 });
    expect(await advanceCursor(session, cursor, step)).toBe(true);
    expect(await advanceCursor(session, cursor, step)).toBe(false);
    expect(await readCursor(session, 'users', 'users', 1)).toMatchObject({
      nextBlock: 60,
      rowsDone: 500,
      skipped: [53],
    });
    expect(await advanceCursor(session, cursor, { ...step, from: 60, to: 61, done: true })).toBe(true);
    expect(await advanceCursor(session, cursor, { ...step, from: 61 })).toBe(false);
  });
});

test('flags are switched with the transaction of the cutover, and applications see them in rekey.flags', async () => {
  await declareFlags(session, 'users', ['USE_UUID_FOR_USERS']);
  expect(await readFlags(session)).toEqual([{ name: 'USE_UUID_FOR_USERS', enabled: false }]);
  await session
    .transaction(async () => {
      await switchFlags(session, 'users', ['USE_UUID_FOR_USERS'], true);
      throw new Error('the cutover fails');
    })
    .catch(() => undefined);
  expect(await readFlags(session)).toEqual([{ name: 'USE_UUID_FOR_USERS', enabled: false }]);
  await switchFlags(session, 'users', ['USE_UUID_FOR_USERS'], true);
  await declareFlags(session, 'users', ['USE_UUID_FOR_USERS']);
  expect(await readFlags(session)).toEqual([{ name: 'USE_UUID_FOR_USERS', enabled: true }]);
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
  await writeFinding(session, finding);
  await writeFinding(session, { ...finding, count: null, example: undefined });
  const found = await readFindings(session, { phase: 'users' });
  expect(found).toMatchObject([{ count: null, example: null }, finding]);
  expect(await readFindings(session, { limit: 1 })).toHaveLength(1);
});

test('a probe keeps its newest measurement of each moment', async () => {
  const probe = { phase: 'users', probe: 'by key', moment: 'baseline', runs: 50, medianMs: 1.5, p95Ms: 2 };
  await writeProbe(session, { ...probe, medianMs: 9 });
  await writeProbe(session, probe);
  await writeProbe(session, { ...probe, moment: 'after-swap', medianMs: 1.4 });
  expect(await readProbes(session, 'users')).toEqual([
    { ...probe, moment: 'after-swap', medianMs: 1.4 },
    probe,
  ]);
});

test('a hook that is done does not run again on the same occasion; one that failed or was killed does', async () => {
  const run = { phase: 'users', moment: 'before-swap', key: 'run-1/12' };
  expect(await beginHook(session, run)).toBe(true);
  expect(await beginHook(session, run)).toBe(true);
  await endHook(session, { ...run, state: 'failed', exitCode: 3, durationMs: 10 });
  expect(await beginHook(session, run)).toBe(true);
  await endHook(session, { ...run, state: 'done', exitCode: 0, durationMs: 12 });
  expect(await beginHook(session, run)).toBe(false);
  expect(await readHooks(session, 'users')).toEqual([{ ...run, state: 'done', exitCode: 0, durationMs: 12 }]);
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
  await writeBackup(session, { ...backup, verified: false });
  expect(await readBackups(session, 'users')).toMatchObject([{ ...backup, verifiedAt: null }]);
  await writeBackup(session, { ...backup, verified: true });
  expect((await readBackups(session)).map(({ verifiedAt }) => verifiedAt)).toEqual([expect.any(Date)]);
});
