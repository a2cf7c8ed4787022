import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { RekeyError } from '../src/errors.js';
import type { HookMoment } from '../src/plan/model.js';
import { lockForSession } from '../src/postgres/advisory.js';
import { openSession } from '../src/postgres/connect.js';
import { closeGate, newestOpening } from '../src/postgres/gates.js';
import { releaseOwner, takeOwner, undoCluster } from '../src/postgres/ownership.js';
import { type PhaseRow, readPhases, setPhaseState } from '../src/postgres/phases.js';
import type { Session } from '../src/postgres/session.js';
import { refuseWhatStandsOnRekey } from '../src/postgres/stands-on-rekey.js';
import { isOnlyOrder, noWayBack } from '../src/report/way-back.js';
import type { Attempt } from './attempt.js';
import { dropColumns } from './columns.js';
import type { PhaseRef, ValidationResult } from './contract.js';
import { dropFoundation } from './foundation.js';
import { runHook } from './hooks.js';
import { unmap } from './map.js';
import { closePhase } from './phase-end.js';
import { swapKeysBack } from './swap-keys.js';
import { dropTwins } from './twins.js';
import { validate } from './validate.js';
import { wayBackNow, wayBackOf } from './way-back.js';

export interface UndoOptions {
  connection: string;
  /** who does it, for the journal */
  by: string;
  /** the schema rekey goes, too, its journal exported into REKEY_BACKUPS before */
  foundation: boolean;
  signal: AbortSignal;
  /** told of each step, of waits, and of failures that are tried again */
  say: (text: string) => void;
}

export interface Undone {
  /** newest first */
  phases: { phase: string; swappedBack: boolean; seconds: number }[];
  foundation: boolean;
}

/** A lock that clients hold, a server that restarts: ten tries over some two minutes, each of which has its own budget. */
const tries = 10;
const longestPause = 30_000;
/** ms after which the same wait is told again */
const tellAgain = 10_000;

/**
 * The last resort where no Temporal is to be had: every phase back, the newest first, by the same steps as `rollBackPhase` and
 * with the same guarantees, from what the schema rekey and the catalog say; no plan file is read. Interrupted anywhere it
 * can be called again. It takes the database from whichever run owns it, so that run must be closed or gone for good.
 * Locks: those of the steps; ACCESS EXCLUSIVE under the plan's budget for the swap back. Throws what the steps throw, and
 * BadInput `undo.no-way-back` where a phase can't go back, `undo.other-undo` where another undo runs.
 */
export function undoAll(options: UndoOptions): Promise<Undone> {
  return withSession(options.connection, async (session) => {
    // held by a session of its own to the end: an undo that dies lets go of it
    const lock = await lockForSession(session, { phase: '', step: 'undo' });
    if (!lock.had) throw otherUndo(lock.pid);
    return undoAlone(options);
  });
}

async function undoAlone(options: UndoOptions): Promise<Undone> {
  const { connection, by, say } = options;
  const id = randomUUID();
  const run = { workflowId: `undo by ${by}`, firstRunId: id, runId: id, namespace: 'none' };
  const attempt = attemptOf(options);
  const undone: Undone = { phases: [], foundation: false };
  const rows = await withSession(connection, async (session) => {
    const found = await phasesToUndo(session);
    if (options.foundation && found.length > 0) await refuseWhatStandsOnRekey(session, 'stand');
    const plan = found[0]?.plan;
    if (plan !== undefined) await takeOwner(session, { ...run, plan, clusterId: undoCluster });
    return found;
  });
  for (const row of rows) {
    const { phase, plan, planHash, kind } = row;
    const ref: PhaseRef = { plan, connection, phase, planHash, run };
    if (kind === 'foundation' && !options.foundation) continue;
    if (kind === 'foundation') {
      say(`${phase}: exports the journal, drops the schema rekey`);
      await persist(options, () => dropFoundation(ref, attempt));
      undone.foundation = true;
      return undone;
    }
    const began = performance.now();
    await withSession(connection, async (session) => {
      // before a hook stops the application for a swap back that can't be
      const way = await wayBackNow(session, row);
      if (!way.open) throw closed(phase, way.because);
      await reopen(session, phase);
    });
    const swappedBack = kind === 'tables' && (await undoTables(row, ref, options, attempt));
    await persist(options, () => closePhase({ ...ref, outcome: 'rolled-back' }, attempt));
    undone.phases.push({ phase, swappedBack, seconds: Math.round((performance.now() - began) / 100) / 10 });
    say(`${phase}: rolled back`);
  }
  // another run may have the database now
  await withSession(connection, (session) => releaseOwner(session, run));
  return undone;
}

/** Whatever waited for a decision waits no more. */
async function reopen(session: Session, phase: string): Promise<void> {
  const gate = await newestOpening(session, phase);
  if (gate && gate.closedAt === null) await closeGate(session, gate.opening, 'rolled-back');
  await setPhaseState(session, phase, 'open');
}

/** Newest first. Throws where one of them can't go back, before anything is changed. */
async function phasesToUndo(session: Session): Promise<PhaseRow[]> {
  const rows = (await readPhases(session)).filter((row) => row.state !== 'rolled-back').reverse();
  for (const row of rows) {
    if (row.kind === 'cleanup') {
      const way = await wayBackOf(session, row);
      if (!way.open) throw noWayBack(row.phase, way.because);
      continue;
    }
    // asked of each as if the later ones were back already: order is not what closes the way
    const way = await wayBackNow(session, row);
    if (!way.open && !isOnlyOrder(way)) throw closed(row.phase, way.because);
  }
  return rows;
}

async function undoTables(
  row: PhaseRow,
  ref: PhaseRef,
  options: UndoOptions,
  attempt: Attempt,
): Promise<boolean> {
  const { say } = options;
  const step = async (name: string, work: () => Promise<unknown>) => {
    say(`${ref.phase}: ${name}`);
    await persist(options, work);
  };
  // an undo that died behind its commit still owes the hook that starts the application again
  const swapped =
    row.cutOver || (await withSession(ref.connection, (session) => wasSwappedBack(session, row)));
  // the same for an undo that is typed again, so that no hook runs twice
  const key = `undo:${row.startedAt.toISOString()}`;
  const hook = (moment: HookMoment) =>
    step(`hook ${moment}, where the plan has one`, () =>
      runHook({ ...ref, moment, key: `${moment}:${key}` }, attempt),
    );
  if (row.cutOver) await hook('before-swap-back');
  await step('swapKeysBack', () => swapKeysBack(ref, attempt));
  if (swapped) await hook('after-swap-back');
  await step('dropTwins', () => dropTwins(ref, attempt));
  await step('unmap', () => unmap(ref, attempt));
  await step('dropColumns', () => dropColumns(ref, attempt));
  await step('validate', async () => {
    const result: ValidationResult = await validate({ ...ref, when: 'after-rollback' }, attempt);
    if (!result.passed) throw invalid(ref.phase, result);
  });
  return swapped;
}

async function wasSwappedBack(session: Session, { phase, startedAt }: PhaseRow): Promise<boolean> {
  const { was } = await session.one<{ was: boolean }>(
    `select exists (select from rekey.journal where phase = $1 and step = 'swapKeysBack' and kind = 'statement' and at >= $2) as was`,
    [phase, startedAt],
  );
  return was;
}

/** As a workflow would: what may be better at the next try is tried again. */
async function persist<T>(options: UndoOptions, work: () => Promise<T>): Promise<T> {
  for (let nth = 1; ; nth += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RekeyError) || !error.retryable || nth === tries) throw error;
      const pause = Math.min(longestPause, 1_000 * 2 ** (nth - 1));
      options.say(`  ${error.details.message}; try ${nth + 1} of ${tries} in ${pause / 1_000} s`);
      // an interruption says what to type; the timer's own error would not
      await wait(pause, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
    }
  }
}

function attemptOf({ signal, say }: UndoOptions): Attempt {
  let told = '';
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    signal,
    outage: () => 0,
    untold: () => 0,
    heartbeat: (progress) => {
      const { doing, waits } = progress as { doing?: string; waits?: string };
      const text = waits ? `  waits: ${doing ?? ''} ${waits}` : '';
      // how old a transaction is changes at every look
      const reason = text.replaceAll(/\d+(\.\d+)?/g, '');
      if (text !== '' && (reason !== told || performance.now() - toldAt > tellAgain)) {
        say(text);
        toldAt = performance.now();
      }
      told = reason;
    },
  };
}

async function withSession<T>(connection: string, fn: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(connection, 'undo');
  try {
    return await fn(session);
  } finally {
    await session.close();
  }
}

function otherUndo(pid: number | null): RekeyError {
  return new RekeyError('BadInput', {
    code: 'undo.other-undo',
    message: `another undo runs (${pid === null ? 'its backend is not to be seen by this role' : `pid ${pid}`})`,
    remedy:
      'Wait for it, or end its command and type this one again: it goes on where that one stopped. If nobody has its terminal, pg_terminate_backend of that pid, and of the other sessions `rekey undo`, ends it.',
  });
}

function closed(phase: string, because: string): RekeyError {
  return new RekeyError('SchemaMoved', {
    code: 'undo.way-closed',
    where: phase,
    message: `${phase} can not go back as it stands: ${because}`,
    remedy:
      'Take the change back (drop what was made on the new keys), then type the same command again. Nothing of this phase was changed, and no hook of it has run.',
  });
}

function invalid(phase: string, { failures }: ValidationResult): RekeyError {
  const told = failures.slice(0, 5).map(({ check, on, count }) => `${check} on ${on} (${count})`);
  return new RekeyError('ValidationFailed', {
    code: 'undo.not-as-before',
    where: phase,
    message: `${phase} is undone, but not all is as it was before: ${told.join(', ')}`,
    remedy: 'See the examples with rekey findings, mend what they show, then type the same command again.',
  });
}
