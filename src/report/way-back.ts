import type { PhaseRow } from '../postgres/phases.js';
import type { Session } from '../postgres/session.js';

export interface WayBackSaid {
  open: boolean;
  because: string;
}

/** Asks the catalog, too, whether a phase whose keys are swapped can go back: only activities know a phase's statements. */
export type AskWayBack = (session: Session, row: PhaseRow) => Promise<WayBackSaid>;

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
  if (memberStates.includes('cleaned'))
    return { open: false, because: 'cleanup has dropped its legacy columns' };
  const later = begun
    .filter((r) => r.position > row.position && r.state !== 'rolled-back')
    .map((r) => r.phase);
  if (later.length)
    return { open: false, because: `${later.join(', ')} came later and must be rolled back first` };
  return {
    open: true,
    because: row.cutOver
      ? 'legacy columns are kept in step since the cutover'
      : 'no key of this phase is swapped',
  };
}
