import { withSession } from '../../src/postgres/connect.js';
import { readDecisions, writeDecision } from '../../src/postgres/decisions.js';
import { closeGate, newestOpening, openGate, setDeadline } from '../../src/postgres/gates.js';
import { rekeySession } from './rekey-session.js';

const at = rekeySession();

describe('an opening of a gate', () => {
  const gate = { phase: 'users', gate: 'before-swap', planHash: 'abc', parked: false, deadline: null };

  test('keeps its number when the activity that opened it is tried again, even at the same moment', async () => {
    const first = await openGate(at.session, { ...gate, key: 'run-1 7' });
    const again = await Promise.all(
      ['a', 'b'].map((who) =>
        withSession(at.database.connection, who, (other) => openGate(other, { ...gate, key: 'run-1 7' })),
      ),
    );
    expect(again.map(({ opening }) => opening)).toEqual([first.opening, first.opening]);
  });

  test('closes the one that a reset has left open, and is the newest from then on', async () => {
    const old = await openGate(at.session, { ...gate, key: 'run-1 7' });
    const fresh = await openGate(at.session, { ...gate, key: 'run-2 7' });
    expect(fresh.opening).toBeGreaterThan(old.opening);
    expect(await newestOpening(at.session, 'users')).toMatchObject({
      opening: fresh.opening,
      closedAt: null,
    });
    expect(await openGate(at.session, { ...gate, key: 'run-1 7' })).toMatchObject({ outcome: 'superseded' });
  });

  test('stays open while a later step of the same run parks, so that a retry goes on with its approval', async () => {
    const approved = await openGate(at.session, { ...gate, key: 'run-3 1' });
    await openGate(at.session, { ...gate, gate: 'hook before-swap', parked: true, key: 'run-3 2' });
    expect(await newestOpening(at.session, 'users', 'before-swap')).toMatchObject({
      opening: approved.opening,
      closedAt: null,
    });
  });

  test('stays open while a step parks after a reset at the gate, which gave the run another id', async () => {
    const approved = await openGate(at.session, { ...gate, key: 'run-4 1' });
    await openGate(at.session, { ...gate, gate: 'hook before-swap', parked: true, key: 'run-5 2' });
    expect(await newestOpening(at.session, 'users', 'before-swap')).toMatchObject({
      opening: approved.opening,
      closedAt: null,
    });
  });

  test('can get another deadline while it is open, and keeps its first outcome', async () => {
    const { opening } = await openGate(at.session, { ...gate, gate: 'after-swap', key: 'run-2 9' });
    await setDeadline(at.session, opening, '2030-01-02T03:04:05.000Z');
    await closeGate(at.session, opening, 'approved');
    await closeGate(at.session, opening, 'rejected');
    await setDeadline(at.session, opening, null);
    expect(await newestOpening(at.session, 'users', 'after-swap')).toMatchObject({
      outcome: 'approved',
      deadline: new Date('2030-01-02T03:04:05.000Z'),
    });
    expect(await newestOpening(at.session, 'leaf-tables')).toBeNull();
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
    await writeDecision(at.session, 'run-1/e5', decision);
    await writeDecision(at.session, 'run-1/e5', decision);
    expect(await readDecisions(at.session, 'users')).toEqual([decision]);
    expect(await readDecisions(at.session, 'users', 2)).toEqual([]);
  });
});
