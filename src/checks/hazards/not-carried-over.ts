import type { Hazard } from '../../errors.js';
import { formatColumn } from '../../plan/names.js';
import { movesIn } from '../../plan/normal.js';
import { notCarriedOver as words } from '../../plan/not-carried-over.js';
import type { HazardContext } from './context.js';

/**
 * Words that plans may have and that no step carries out yet. A polymorphic reference moves with the last of its targets, but
 * has to be kept in step from the first one on: so it stops the phase of each.
 */
export function notCarriedOver({ plan, phase }: HazardContext): Hazard[] {
  const early = plan.references.filter(
    ({ by, to }) =>
      by !== null && typeof to !== 'string' && phase.tables.some((t) => Object.values(to).includes(t.table)),
  );
  return [
    ...words(plan, phase),
    ...early
      .filter((reference) => !movesIn(plan, reference, phase))
      .map(
        ({ from }): Hazard => ({
          hazard: 'not-carried-over-yet',
          rank: 'stop',
          on: formatColumn(from),
          message: 'a polymorphic reference (by) is not carried over yet',
          remedy: 'leave the tables that it refers to out of the plan for now',
        }),
      ),
  ];
}
