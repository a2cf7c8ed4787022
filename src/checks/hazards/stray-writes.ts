import { quoteIdent } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import { batchSql, leftOverSql, passSql } from '../../substitution/map.js';
import { shadowsOf } from '../../substitution/sync.js';
import type { PhaseView } from '../../substitution/view.js';
import type { HazardContext } from './context.js';

/**
 * DESIGN section 8, item 4: until the cutover no statement of Rekey writes a column of the application. Read from the statements
 * themselves, so that a mistake in what makes them stops a phase before its first change.
 */
export async function strayWrites({ view, statements }: HazardContext): Promise<Hazard[]> {
  const texts = [
    ...statements.addColumns.up.map((work) => work.text),
    ...view.substitution.tables.flatMap((table) => [
      passSql(view, table),
      batchSql(view, table, true),
      leftOverSql(view, table),
    ]),
    ...statements.finishMap.map((work) => work.text),
    ...statements.buildTwins.up.map((work) => work.text),
  ];
  const found = new Set(texts.flatMap((text) => strayWritesOf(view, text)));
  return [...found].map(
    (on): Hazard => ({
      hazard: 'stray-write',
      rank: 'stop',
      on,
      message: `a statement of Rekey would write ${on}, which is none of its shadows`,
      remedy:
        'this is a mistake of Rekey: report it with the output of rekey dry-run, and do not run the phase',
    }),
  );
}

const ident = '"(?:[^"]|"")+"';
const update = new RegExp(
  `\\bupdate\\s+((?:${ident}\\.)?${ident}|rekey\\.\\S+)\\s+(?:\\w+\\s+)?set\\s+([^]*?)(?:\\s(?:where|from)\\s|;|$)`,
  'g',
);
const assignment = new RegExp(`(?:^|,)\\s*(${ident})\\s*=`, 'g');
const ofTrigger = new RegExp(`\\bnew\\.(${ident})\\s*:=`, 'g');
const elsewhere = /\b(?:insert into|delete from|truncate|merge into)\s+(?!rekey\.)(\S+)/g;
/** These say nothing but the application's own expressions, and write no row. */
const writesNothing = /^\s*(?:create (?:unique )?index|alter table|comment on|analyze)\b/;

/** What a statement writes outside of schema rekey that is no shadow of the phase. */
export function strayWritesOf(view: PhaseView, text: string): string[] {
  if (writesNothing.test(text)) return [];
  const shadows = view.substitution.tables.flatMap((id) =>
    shadowsOf(view, id).map((m) => ({ table: view.sqlTable(id), column: quoteIdent(m.shadow) })),
  );
  const flat = withoutExpressions(text);
  const stray = [...flat.matchAll(elsewhere)].map(([, into]) => into as string);
  for (const [, table = '', sets = ''] of flat.matchAll(update)) {
    if (table.startsWith('rekey.')) continue;
    for (const [, column] of sets.matchAll(assignment))
      if (!shadows.some((s) => s.table === table && s.column === column)) stray.push(`${table}.${column}`);
  }
  for (const [, column] of flat.matchAll(ofTrigger))
    if (!shadows.some((s) => s.column === column)) stray.push(column as string);
  return stray;
}

/** Without literals and without what stands in parentheses, unless it writes: an expression may have commas and a FROM of its own. */
function withoutExpressions(text: string): string {
  let before = '';
  let now = text.replaceAll(/'(?:[^']|'')*'/g, `''`);
  while (now !== before) {
    before = now;
    now = now.replaceAll(/\((?:[^()"]|"(?:[^"]|"")*")*\)/g, (group) =>
      /\b(?:update|insert|delete|truncate|merge)\s/.test(group) ? group.slice(1, -1) : ' ',
    );
  }
  return now;
}
