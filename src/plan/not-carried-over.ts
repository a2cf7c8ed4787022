import type { Hazard } from '../errors.js';
import type { DeclaredReference, Phase, Plan, PlannedTable } from './model.js';
import { formatColumn } from './names.js';
import { movesIn } from './normal.js';

/**
 * Words that a plan can say and this version can't do: each is a hazard of rank `stop`, which no `accept` lifts, so that
 * nothing that was asked for is left out in silence. Pure.
 */
export function notCarriedOver(plan: Plan, phase: Phase): Hazard[] {
  if (phase.kind !== 'tables') return [];
  const concerns = (named: string | undefined) => named === undefined || named === phase.phase;
  return [
    ...phase.tables.flatMap(tableWords),
    ...plan.references.filter((reference) => movesIn(plan, reference, phase)).flatMap(referenceWords),
    ...(plan.rehearsal === 'skip'
      ? []
      : [hazard('rehearsal', phase.phase, 'write rehearsal: skip into the plan')]),
    ...plan.definitions
      .filter((one) => concerns(one.phase))
      .map((one) =>
        hazard(
          'definitions',
          one.object,
          'take the entry out of the plan, and the object out of the way of the phase',
        ),
      ),
  ];
}

function tableWords({ table, key, map }: PlannedTable): Hazard[] {
  const found: Hazard[] = [];
  if (key.source === 'stored')
    found.push(hazard('a stored key', table, 'let it have a derived key in the plan'));
  if (map.strategy !== 'in-place') {
    found.push(hazard(`the strategy ${map.strategy}`, table, 'write strategy: in-place into the plan'));
  }
  return found;
}

function referenceWords({ from, by, each, path }: DeclaredReference): Hazard[] {
  const kinds = [
    by === null ? null : 'a polymorphic reference (by)',
    each === null ? null : 'an array of references (each)',
    path === null ? null : 'a reference in a JSON value (path)',
  ];
  return kinds
    .filter((kind) => kind !== null)
    .map((kind) =>
      hazard(kind, formatColumn(from), 'leave the tables that it refers to out of the plan for now'),
    );
}

function hazard(what: string, on: string, remedy: string): Hazard {
  return {
    hazard: 'not-carried-over-yet',
    rank: 'stop',
    on,
    message: `${what} is not carried over yet`,
    remedy,
  };
}
