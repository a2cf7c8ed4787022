import { RekeyError } from '../errors.js';
import type { PhaseRow } from '../postgres/phases.js';
import type { Session } from '../postgres/session.js';

export interface WayBackSaid {
  open: boolean;
  because: string;
}

/** Asks the catalog, too, whether a phase whose keys are swapped can go back: only activities know a phase's statements. */
export type AskWayBack = (session: Session, row: PhaseRow) => Promise<WayBackSaid>;

const cameLater = 'came later and must be rolled back first';

/** The newest phase that can't be undone whatever is undone before it, and why; null where all of them can. Pure. */
export function whatKeepsFromUndo<
  P extends { phase: string; kind: string; state: string; wayBack: WayBackSaid },
>(phases: P[]): P | null {
  const stands = phases.filter((p) => p.state !== 'rolled-back' && p.kind !== 'foundation');
  return stands.findLast(({ wayBack }) => !wayBack.open && !isOnlyOrder(wayBack)) ?? null;
}

/** Closed by nothing but the order in which phases go back. */
export function isOnlyOrder({ open, because }: WayBackSaid): boolean {
  return !open && because.endsWith(cameLater);
}

const cleanedUp = 'cleanup has dropped its legacy columns';

/** Closed as the plan wants it. */
export function isCleanedUp({ open, because }: WayBackSaid): boolean {
  return !open && because === cleanedUp;
}

/** Cleanup has dropped: no cancel and no undo helps any more. */
export function noWayBack(phase: string, because: string): RekeyError {
  return new RekeyError('BadInput', {
    code: 'undo.no-way-back',
    where: phase,
    message: `${phase} can not be undone: ${because}`,
    remedy:
      'Only forward is left, a cancel has no effect: rekey status says how cleanup goes on. The old keys are in the backup that was taken before it: rekey restore --help.',
  });
}

/** Whether a phase can be rolled back, by what schema rekey says; what was made on new keys since is a step's to see. Pure. */
export function wayBackByJournal(
  row: Pick<PhaseRow, 'kind' | 'position' | 'state' | 'cutOver'>,
  begun: Pick<PhaseRow, 'phase' | 'position' | 'state'>[],
  memberStates: string[],
  hasDropped: boolean,
): WayBackSaid {
  if (row.kind === 'cleanup')
    return row.state === 'open' && !hasDropped
      ? { open: true, because: 'nothing has been dropped yet' }
      : { open: false, because: 'cleanup has dropped legacy columns' };
  if (memberStates.includes('cleaned')) return { open: false, because: cleanedUp };
  const later = begun
    .filter((r) => r.position > row.position && r.state !== 'rolled-back')
    .map((r) => r.phase);
  if (later.length) return { open: false, because: `${later.join(', ')} ${cameLater}` };
  return {
    open: true,
    because: row.cutOver
      ? 'legacy columns are kept in step since the cutover'
      : 'no key of this phase is swapped',
  };
}
