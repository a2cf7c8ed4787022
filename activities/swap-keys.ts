import { RekeyError } from '../src/errors.js';
import { newestOpening } from '../src/postgres/gates.js';
import { assertOwner } from '../src/postgres/ownership.js';
import { readPhase, setFingerprint } from '../src/postgres/phases.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult } from './contract.js';
import { compareGround, groundOf } from './ground.js';
import { mayBeReplica } from './map.js';
import { journalStep, type PhaseWork, undoPhase, withPhase } from './phase-work.js';
import { runAll, Tally } from './run-work.js';
import { asClientsSee, asWeSee } from './search-path.js';
import { swapTransaction } from './swap-transaction.js';
import { sweepOnline, tooManyHoles } from './sweep-holes.js';
import { assertNothingGoesPast, assertTriggersStand, mendWrittenPast } from './written-past.js';

/**
 * The cutover. Asks the journal first whether the approval still stands, compares the fingerprint under the locks, then
 * changes catalogs only. Locks: ACCESS EXCLUSIVE on all tables of the phase, as long as the catalog changes take.
 */
export function swapKeys(
  input: PhaseRef & { opening: number | null },
  attempt: Attempt,
): Promise<StepResult> {
  return withPhase('swapKeys', input, attempt, async (work) => {
    const tally = new Tally();
    if (!work.record.cutOver) {
      await assertApproved(work, input.opening);
      // once before the locks: what was changed costs no client anything, and the second look finds warm caches
      await compareGround(work, 'before');
      await swapTransaction(work, tally, 'forward', async () => {
        // it may have waited for minutes: an approval can have been voided, and a run have lost the database, meanwhile
        await assertOwner(work.session, input.run);
        await assertApproved(work, input.opening);
        await compareGround(work, 'before');
        await assertNothingGoesPast(work);
      });
    }
    await keepNewGround(work);
    await runAll(work, work.statements.afterSwap, tally);
    await journalStep(work, tally.result());
    return tally.result();
  });
}

/**
 * What the way back will compare with. Taken after the commit: under the locks it would be the longest thing there.
 * The cutover has forgotten the old one, so that a kill just here leaves none rather than a wrong one.
 */
async function keepNewGround(work: PhaseWork): Promise<void> {
  const row = await readPhase(work.session, work.ref.phase);
  if (row && row.fingerprint === null)
    await setFingerprint(work.session, work.ref.phase, await groundOf(work, 'after'));
}

async function assertApproved(work: PhaseWork, opening: number | null): Promise<void> {
  if (opening === null) return;
  const newest = await newestOpening(work.session, work.ref.phase, 'before-swap');
  if (newest?.opening === opening && newest.closedAt === null) return;
  throw new RekeyError('StepFailed', {
    code: 'gate.not-open',
    message: `opening ${opening} of before-swap is not the newest, or is closed${newest ? `: the newest is ${newest.opening}${newest.closedAt ? `, ${newest.outcome ?? 'closed'}` : ''}` : ''}`,
    remedy: 'Approve the newest opening: the status of the run that owns the database shows it.',
  });
}

/**
 * The way back: what was written past the sync triggers is put right, unique twins on integers are built again and holes
 * swept online, then the same short transaction with
 * the roles exchanged, then constraints are validated online. Harmless where the keys were never swapped.
 */
export function swapKeysBack(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return undoPhase('swapKeysBack', ref, attempt, async (work) => {
    const tally = new Tally();
    const { session, statements } = work;
    if (work.record.cutOver) {
      await compareGround(work, 'after');
      await mendWrittenPast(work, tally);
      await runAll(work, statements.beforeSwapBack, tally);
      // building indexes takes as long as it takes
      await mendWrittenPast(work, tally);
      await sweepOnline(work);
      const replica = await mayBeReplica(work);
      await swapTransaction(work, tally, 'back', async () => {
        await compareGround(work, 'after');
        await assertTriggersStand(work);
        if (replica) await session.execute('set local session_replication_role = replica');
        // its estimate of holes may be a large part of the table, and a scan of it no time to spend under these locks
        await session.execute(['set local enable_seqscan = off', ...asClientsSee].join('; '));
        for (const { table, sweep, count } of statements.sweeps) {
          await session.execute(sweep);
          const { holes } = await session.one<{ holes: number }>(count);
          // what has no integer would be null on integers
          if (holes > 0) throw tooManyHoles(table, holes);
        }
        await session.execute('set local enable_seqscan = on');
        if (replica) await session.execute('set local session_replication_role = origin');
        // deferred triggers of the sweep would refuse every ALTER (55006)
        await session.execute('set constraints all immediate');
        await session.execute(asWeSee.join('; '));
      });
    }
    if (await wasCutOver(work)) await runAll(work, statements.afterSwapBack, tally);
    await journalStep(work, tally.result());
    return tally.result();
  });
}

/** The online work after the swap back has to go on where the transaction committed and the attempt then died. */
async function wasCutOver(work: PhaseWork): Promise<boolean> {
  const { was } = await work.session.one<{ was: boolean }>(
    `select exists (select from rekey.journal where phase = $1 and step = 'swapKeysBack' and kind = 'statement') as was`,
    [work.ref.phase],
  );
  return was;
}
