import { quoteIdent } from '../../catalog/quote.js';
import type { ForeignKey } from '../../kinds/foreign-key.js';
import type { DeclaredReference, TableId } from '../../plan/model.js';
import { touchedObjects } from '../../substitution/statements.js';
import type { PhaseView } from '../../substitution/view.js';
import { keyOf, type Side } from './members.js';
import type { TableChecks } from './table-checks.js';

/**
 * Rows whose foreign key leads nowhere, valid or not in the catalog's eyes: one made under replica role, or NOT VALID, has
 * them, and its twin's VALIDATE would fail after hours. Counted on the side that the application uses.
 */
export function orphanChecks(
  view: PhaseView,
  table: TableId,
  side: Side,
  checks: TableChecks,
  isThere: (table: TableId, column: string) => boolean = () => true,
): void {
  for (const key of foreignKeysOf(view, table)) {
    const own = key.columns.map((c) => live(view, key.table, c, side));
    const parent = key.refColumns.map((c) => live(view, key.refTable, c, side));
    if (!own.every((c) => isThere(key.table, c)) || !parent.every((c) => isThere(key.refTable, c))) continue;
    const p = checks.join(
      key.refTable,
      own.map((c, i) => ({ own: c, parent: parent[i] as string })),
    );
    const whole = own.map((c) => `t.${quoteIdent(c)} is not null`).join(' and ');
    const some = own.map((c) => `t.${quoteIdent(c)} is not null`).join(' or ');
    const halves = key.match === 'full' && own.length > 1 ? ` or (${some}) and not (${whole})` : '';
    checks.add({
      check: 'orphans',
      on: `${key.table}.${key.columns.join(',')}`,
      condition: `${whole} and ${p}.ctid is null${halves}`,
    });
  }
}

/**
 * The same for references that only the plan declares. For preflight: afterwards the application may delete what no
 * foreign key holds fast, and a reference that leads nowhere leads nowhere on both sides.
 */
export function declaredOrphanChecks(
  view: PhaseView,
  table: TableId,
  references: DeclaredReference[],
  checks: TableChecks,
): void {
  for (const { from, to } of references) {
    if (from.table !== table || typeof to !== 'string') continue;
    const member = view.substitution.members.find((m) => m.table === table && m.before === from.column);
    const root = keyOf(view, member?.domain ?? to);
    if (!member || !root) continue;
    const p = checks.join(root.table, [{ own: from.column, parent: root.before as string }]);
    checks.add({
      check: 'orphans',
      on: `${table}.${from.column}`,
      condition: `t.${quoteIdent(from.column)} is not null and ${p}.ctid is null`,
    });
  }
}

export function foreignKeysOf(view: PhaseView, table: TableId): ForeignKey[] {
  return touchedObjects(view).filter((o) => o.kind === 'foreign-key' && o.table === table) as ForeignKey[];
}

function live(view: PhaseView, table: TableId, column: string, side: Side): string {
  return side === 'before-swap' ? column : (view.member(table, column)?.after ?? column);
}
