import { withSession } from '../../src/postgres/connect.js';
import {
  assertOwner,
  claimOwner,
  type Owner,
  readOwner,
  releaseOwner,
  takeOwner,
  undoCluster,
} from '../../src/postgres/ownership.js';
import { rekeySession } from './rekey-session.js';

const at = rekeySession();

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
    await claimOwner(at.session, run(), never);
    await claimOwner(at.session, run({ runId: 'after-reset' }), never);
    expect(await readOwner(at.session)).toEqual(run({ runId: 'after-reset' }));
    await assertOwner(at.session, run());
  });

  test('is refused to a second run while the first is open, with the command that cancels it', async () => {
    await expect(
      claimOwner(at.session, run({ workflowId: 'second', firstRunId: 's' }), async () => false),
    ).rejects.toMatchObject({
      type: 'BadInput',
      code: 'owner.other-run',
      remedy: expect.stringContaining('temporal workflow cancel --namespace default --workflow-id move'),
    });
  });

  test('is refused to a run of another cluster or namespace, whatever that one says', async () => {
    for (const change of [{ clusterId: 'x' }, { namespace: 'x' }]) {
      const work = claimOwner(
        at.session,
        run({ workflowId: 'second', firstRunId: 's', ...change }),
        async () => true,
      );
      await expect(work).rejects.toMatchObject({ code: 'owner.other-cluster' });
    }
  });

  test('is refused while an undo has it, running or interrupted, with the command that goes on with the undo', async () => {
    const owner = await readOwner(at.session);
    await takeOwner(
      at.session,
      run({ workflowId: 'undo by ann', namespace: 'none', clusterId: undoCluster }),
    );
    await expect(claimOwner(at.session, run({ firstRunId: 's' }), async () => true)).rejects.toMatchObject({
      code: 'owner.undo',
      message: expect.stringContaining('undo by ann'),
      remedy: expect.stringContaining('type it again, it goes on where it stopped: rekey undo'),
    });
    await takeOwner(at.session, owner as Owner);
  });

  test('goes to the next run when the owner is closed, and the old one is told so', async () => {
    await claimOwner(at.session, run({ workflowId: 'second', firstRunId: 's' }), async () => true);
    await expect(assertOwner(at.session, run())).rejects.toMatchObject({
      type: 'NotOwner',
      code: 'owner.lost',
    });
    await releaseOwner(at.session, run());
    expect((await readOwner(at.session))?.workflowId).toBe('second');
  });

  test('goes to one of two runs that claim it at once', async () => {
    await at.database.sql('delete from rekey.owner');
    const claims = await Promise.allSettled(
      ['a', 'b'].map((who) =>
        withSession(at.database.connection, who, (other) =>
          claimOwner(other, run({ workflowId: who, firstRunId: who }), async () => false),
        ),
      ),
    );
    expect(claims.map((claim) => claim.status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
