import type { LockMode, ObjectPlan, SwapSlot, View } from '../catalog/kind.js';
import { nothing } from '../catalog/kind.js';
import { quoteIdent, quoteLiteral } from '../catalog/quote.js';
import type { TableId } from '../plan/model.js';
import {
  addConstraintWork,
  dropConstraintWork,
  renameConstraint,
  swapTable,
  validateConstraintWork,
} from './work.js';

export interface Constraint {
  table: TableId;
  name: string;
  /** a constraint that was NOT VALID stays so */
  validated: boolean;
  comment: string | null;
  /** order among the kinds */
  rank: number;
  /** the cutover's, in which the one on integers goes */
  dropSlot: SwapSlot;
  /** what adding it locks, and where */
  mode: LockMode;
  tables: TableId[];
  /** the constraint on shadows, and on integers */
  body: Record<'twin' | 'original', string>;
}

/**
 * A constraint whose twin is added NOT VALID and validated online. The one on integers goes at the cutover, since legacy columns
 * may have holes by then; it comes back at the swap back NOT VALID, and is validated when clients are back.
 */
export function constraintPlan(view: View, of: Constraint): ObjectPlan {
  const { table, name, validated } = of;
  const twin = view.constraintTwin(table, name);
  const object = `constraint ${name} on ${table}`;
  const add = (as: string, body: string) =>
    addConstraintWork(view, table, as, `${body} not valid`, of.mode, of.tables);
  const drop = swapTable(view, of.dropSlot, table, `drop constraint ${quoteIdent(name)}`, object);
  const comment = (as: string) =>
    of.comment === null
      ? []
      : [`comment on constraint ${quoteIdent(as)} on ${view.sqlTable(table)} is ${quoteLiteral(of.comment)}`];
  return {
    ...nothing,
    rank: of.rank,
    buildTwin: [
      add(twin, of.body.twin),
      ...(validated ? [validateConstraintWork(view, table, twin)] : []),
      ...comment(twin).map((text) => ({
        text,
        object: `constraint ${twin} on ${table}`,
        locks: 'none' as const,
        done: null,
      })),
    ],
    dropTwin: [dropConstraintWork(view, table, twin, of.tables)],
    swap: [drop, renameConstraint(view, table, twin, name)],
    swapBack: [
      drop,
      { slot: 'addConstraints', text: add(name, of.body.original).text, object },
      ...comment(name).map((text) => ({ slot: 'settings' as const, text, object })),
    ],
    afterSwapBack: validated ? [validateConstraintWork(view, table, name)] : [],
  };
}
