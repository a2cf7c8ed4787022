import type { PlannedTable, TableId } from '../plan/model.js';
import type { Closure } from './closure.js';
import { at } from './live-keys.js';
import type { Domain } from './model.js';
import { keyFunction, legacyName, shadowOfKey } from './names.js';

/** Key source derived: a function of the old key gives the new one, for the row and for all that refers to it. */
export function derivedDomain(closure: Closure, planned: PlannedTable): void {
  const column = closure.singleKey(planned.table);
  if (column === null) return;
  if (closure.members.has(at(planned.table, column))) return;
  const parent = parentListedHere(closure, planned.table, column);
  if (parent) return;
  const { version, time } =
    planned.key.source === 'derived'
      ? planned.key
      : { version: closure.plan.keys.version, time: closure.plan.keys.time };
  const domain: Domain = {
    root: planned.table,
    column,
    source: 'derived',
    version,
    time: time !== null && closure.keys.columnOf(planned.table, time) ? time : null,
    keyFunction: keyFunction(planned.table),
    sequence: closure.keys.sequenceFor(planned.table, column),
  };
  closure.domains.push(domain);
  addKey(closure, domain, planned.table, column);
  closure.follow(domain, planned.table, column, (child) => ({
    by: 'function',
    keyFunction: domain.keyFunction as string,
    columns: [child],
  }));
}

/** A key whose column refers to another key of this phase belongs to that one's domain, listed or not. */
function parentListedHere(closure: Closure, table: TableId, column: string): boolean {
  return closure.keys.foreignKeys.some((k) => {
    const i = k.table === table ? k.columns.indexOf(column) : -1;
    return (
      i >= 0 &&
      k.refTable !== table &&
      closure.phase.tables.some((t) => t.table === k.refTable) &&
      closure.keys.primaryKeys.get(k.refTable)?.columns.includes(k.refColumns[i] as string)
    );
  });
}

function addKey(closure: Closure, domain: Domain, table: TableId, column: string): void {
  closure.checkName(table, shadowOfKey);
  closure.checkName(table, legacyName(column));
  closure.members.set(at(table, column), {
    table,
    before: column,
    shadow: shadowOfKey,
    after: column,
    legacy: legacyName(column),
    type: closure.keys.columnOf(table, column)?.type ?? null,
    role: 'key',
    isReference: false,
    domain: domain.root,
    forward: { by: 'function', keyFunction: domain.keyFunction as string, columns: [column] },
  });
}
