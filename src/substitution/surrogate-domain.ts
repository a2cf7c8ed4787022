import type { PlannedTable, TableId } from '../plan/model.js';
import { type Closure, stop, taken } from './closure.js';
import { at } from './live-keys.js';
import type { Member } from './model.js';
import { keyFunction, shadowName, shadowOfKey } from './names.js';

/** Key source surrogate: a composite key gets a new key column, derived from its columns, and so do its children. */
export function surrogateDomain(closure: Closure, planned: PlannedTable): void {
  if (planned.key.source !== 'surrogate') return;
  const { table } = planned;
  const key = closure.keys.primaryKeys.get(table);
  if (!key || key.columns.length < 2) {
    stop(
      closure,
      'surrogate-not-composite',
      table,
      `${table} has no composite primary key, so that it needs no surrogate`,
      'list the table by its name alone',
    );
    return;
  }
  const outside = key.columns.filter((c) => !closure.members.has(at(table, c)));
  if (outside.length) {
    stop(
      closure,
      'surrogate-columns',
      table,
      `the key column ${outside.join(', ')} of ${table} moves in another phase, or not at all, so that no surrogate can be derived from it here`,
      'put the tables that the pair refers to into the same phase',
    );
    return;
  }
  const name = keyFunction(table);
  closure.domains.push({
    root: table,
    column: null,
    source: 'surrogate',
    version: 4,
    time: null,
    keyFunction: name,
    sequence: null,
  });
  const { surrogate, children } = planned.key;
  if (closure.keys.columnOf(table, surrogate))
    taken(closure, table, surrogate, 'the plan gives the surrogate key this name');
  addSurrogate(closure, table, surrogate, shadowOfKey, 'surrogate', table, name, key.columns);
  for (const fk of closure.keys.foreignKeys) {
    if (fk.refTable !== table || fk.refColumns.length !== key.columns.length) continue;
    const columns = key.columns.map((c) => fk.columns[fk.refColumns.indexOf(c)]);
    if (columns.some((c) => c === undefined)) continue;
    if (closure.keys.columnOf(fk.table, children))
      taken(closure, fk.table, children, 'the plan gives the reference to the surrogate this name');
    addSurrogate(
      closure,
      fk.table,
      children,
      shadowName(children),
      'surrogate-reference',
      table,
      name,
      columns as string[],
    );
  }
}

function addSurrogate(
  closure: Closure,
  table: TableId,
  name: string,
  shadow: string,
  role: Member['role'],
  domain: TableId,
  fn: string,
  columns: string[],
): void {
  closure.checkName(table, shadow);
  closure.members.set(at(table, `\u0000${name}`), {
    table,
    before: null,
    shadow,
    after: name,
    legacy: null,
    type: null,
    role,
    isReference: role === 'surrogate-reference',
    domain,
    forward: { by: 'function', keyFunction: fn, columns },
  });
}
