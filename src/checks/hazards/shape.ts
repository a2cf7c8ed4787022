import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';
import { seenStatements } from './statements-seen.js';

/**
 * From `addColumns` on a table has more columns, and after the cutover its key stands last. To be accepted where statements
 * or functions are seen that count on positions; else a note, as what nobody sees can't be ruled out.
 */
export async function shape(context: HazardContext): Promise<Hazard[]> {
  const seen = await seenStatements(context);
  return context.view.substitution.tables.map((table) => {
    const count = seen.count(
      table,
      (name) =>
        new RegExp(
          `insert\\s+into\\s+${name}(\\s+as\\s+[\\w$"]+)?\\s*((\\(\\s*)*(values|select|table|with)\\b|overriding\\b)|copy\\s+${name}\\s+(from|to)|\\*\\s+from\\s+${name}|\\.\\*[^;]*\\s(from|join)\\s+${name}|${name}%rowtype`,
        ),
    );
    return {
      hazard: 'column-order',
      rank: count > 0 ? 'accept' : 'note',
      on: table,
      message:
        count > 0
          ? `${count} statements or functions use ${table} by position (select *, insert or copy without columns), and its columns change`
          : `${table} gets columns, and its keys stand last: who reads or writes it by position would notice${seen.incomplete ? ` (${seen.incomplete})` : ''}`,
      remedy: 'name the columns in these statements, then accept it with a because',
      ...(count > 0 ? { count } : {}),
    };
  });
}
