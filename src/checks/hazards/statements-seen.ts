import type { TableId } from '../../plan/model.js';
import type { HazardContext } from './context.js';

/** A text that clients or functions run: from pg_stat_statements where it is to be had, and from functions' bodies. */
interface SeenText {
  text: string;
  from: 'statement' | 'function';
}

export interface Seen {
  /** false where pg_stat_statements is not there or may not be read: what is not seen may still be run */
  statements: boolean;
  /** how many texts match `pattern`, given the table's name as a regular expression */
  count(table: TableId, pattern: (name: string) => RegExp): number;
}

const known = new WeakMap<HazardContext, Promise<Seen>>();

/** Read once for all families. Texts stay here: they may hold data. */
export function seenStatements(context: HazardContext): Promise<Seen> {
  const present = known.get(context);
  if (present) return present;
  const reading = read(context);
  known.set(context, reading);
  return reading;
}

async function read({ database, view, plan }: HazardContext): Promise<Seen> {
  const texts: SeenText[] = await database.query<SeenText>(
    `select p.prosrc as text, 'function' as "from" from pg_catalog.pg_proc p
     join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where n.nspname not in ('pg_catalog', 'information_schema', 'rekey') and p.prosrc is not null
       and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')`,
  );
  const [extension] = await database.query<{ schema: string }>(
    `select pg_catalog.quote_ident(n.nspname) as schema from pg_catalog.pg_extension e
     join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'`,
  );
  let statements = false;
  if (extension) {
    try {
      texts.push(
        ...(await database.query<SeenText>(
          `select s.query as text, 'statement' as "from" from ${extension.schema}.pg_stat_statements s
           where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())`,
        )),
      );
      statements = true;
    } catch (error) {
      // created, but the library is not loaded, or not ours to read
      if (!/^(55000|42501)$/.test((error as { sqlstate?: string }).sqlstate ?? '')) throw error;
    }
  }
  // the plan's probes are run by Rekey itself, and say nothing about the application
  const probes = new Set(plan.phases.flatMap((phase) => phase.probes.map((probe) => shapeOf(probe.sql))));
  const lower = texts.filter(({ text }) => !probes.has(shapeOf(text))).map(({ text }) => text.toLowerCase());
  return {
    statements,
    count: (table, pattern) => {
      const name = view
        .nameOf(table)
        .toLowerCase()
        .replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const regex = pattern(`(?:"?[\\w$]+"?\\.)?"?${name}"?(?![\\w$])`);
      return lower.filter((text) => regex.test(text)).length;
    },
  };
}

/** A statement without its values, which pg_stat_statements has replaced. */
function shapeOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/'[^']*'|\$\d+|\b\d+\b/g, '?')
    .replace(/\s+/g, ' ')
    .trim();
}
