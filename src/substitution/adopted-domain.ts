import type { PlannedTable } from '../plan/model.js';
import { type Closure, stop, taken } from './closure.js';
import { at } from './live-keys.js';
import type { Domain } from './model.js';
import { legacyName, shadowOfKey } from './names.js';

/**
 * Key source adopted: the key becomes that of the row which a reference leads to. After the domain of that row, whose
 * function gives the key; the row's own children look it up.
 */
export function adoptedDomain(closure: Closure, planned: PlannedTable): void {
  if (planned.key.source !== 'adopted') return;
  const { table } = planned;
  const { adopt, as } = planned.key;
  const column = closure.singleKey(table);
  if (column === null) return;
  const reference = closure.members.get(at(table, adopt));
  if (reference?.forward.by !== 'function') {
    stop(
      closure,
      'adopt-target',
      `${table}.${adopt}`,
      `the key of ${table} adopts ${adopt}, which refers to no key that moves in phase ${closure.phase.phase}`,
      'put the table that it refers to into the same phase',
    );
    return;
  }
  const domain: Domain = {
    root: table,
    column,
    source: 'adopted',
    version: closure.domains.find((d) => d.root === reference.domain)?.version ?? 4,
    time: null,
    keyFunction: null,
    sequence: closure.keys.sequenceFor(table, column),
  };
  closure.domains.push(domain);
  const forward = { ...reference.forward };
  reference.shadow = shadowOfKey;
  reference.after = as;
  closure.checkName(table, shadowOfKey);
  if (as !== column && as !== adopt && closure.keys.columnOf(table, as))
    taken(closure, table, as, 'the plan gives the adopted key this name');
  closure.members.set(at(table, column), {
    table,
    before: column,
    shadow: shadowOfKey,
    after: as,
    legacy: legacyName(column),
    type: closure.keys.columnOf(table, column)?.type ?? null,
    role: 'key',
    isReference: false,
    domain: table,
    forward,
  });
  closure.checkName(table, legacyName(column));
  closure.follow(domain, table, column, (child) => ({
    by: 'lookup',
    keyFunction: forward.keyFunction,
    table,
    match: column,
    from: adopt,
    column: child,
  }));
}
