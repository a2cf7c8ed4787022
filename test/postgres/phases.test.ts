import { readDocument, storeDocument } from '../../src/postgres/documents.js';
import {
  forgetMembers,
  type MemberRow,
  readMembers,
  setMemberState,
  writeMembers,
} from '../../src/postgres/members.js';
import {
  openPhaseRow,
  readPhase,
  readPhases,
  setCutOver,
  setPhaseGround,
  setPhaseState,
} from '../../src/postgres/phases.js';
import { rekeySession } from './rekey-session.js';

const at = rekeySession();

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
    await openPhaseRow(at.session, users);
    expect(await openPhaseRow(at.session, { ...users, planHash: 'changed' })).toMatchObject({
      planHash: 'abc',
      state: 'open',
    });
    await setPhaseState(at.session, 'users', 'done');
    expect(await openPhaseRow(at.session, { ...users, planHash: 'changed' })).toMatchObject({
      planHash: 'abc',
      state: 'done',
    });
    await setPhaseState(at.session, 'users', 'rolled-back');
    expect(await openPhaseRow(at.session, { ...users, planHash: 'changed' })).toMatchObject({
      planHash: 'changed',
      state: 'open',
      finishedAt: null,
    });
    await openPhaseRow(at.session, { ...users, phase: 'leaf-tables', position: 1 });
    expect((await readPhases(at.session)).map(({ phase }) => phase)).toEqual(['leaf-tables', 'users']);
  });

  test('keeps what preflight saw, and whether it has cut over', async () => {
    const catalogDocument = await storeDocument(at.session, 'catalog', '{"tables":[]}');
    await setPhaseGround(at.session, 'users', { catalogDocument, fingerprint: 'f' });
    await setCutOver(at.session, 'users', true);
    expect(await readPhase(at.session, 'users')).toMatchObject({
      catalogDocument,
      fingerprint: 'f',
      cutOver: true,
    });
    expect((await readPhase(at.session, 'users'))?.cutOverAt).toBeInstanceOf(Date);
    await setCutOver(at.session, 'users', false);
    expect(await readPhase(at.session, 'users')).toMatchObject({ cutOver: false, cutOverAt: null });
    expect(await readPhase(at.session, 'nothing')).toBeNull();
    expect(await readDocument(at.session, catalogDocument)).toBe('{"tables":[]}');
    expect(await readDocument(at.session, 'nothing')).toBeNull();
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
    await writeMembers(at.session, [member, surrogate]);
    await writeMembers(at.session, [member, surrogate]);
    await setMemberState(at.session, 'users', 'cut-over');
    expect(await readMembers(at.session, 'users')).toEqual([
      { ...surrogate, state: 'cut-over' },
      { ...member, state: 'cut-over' },
    ]);
    await forgetMembers(at.session, 'users');
    expect(await readMembers(at.session)).toEqual([]);
  });
});
