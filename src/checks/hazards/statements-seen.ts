import { escapePattern } from '../../catalog/escape-pattern.js';
import type { TableId } from '../../plan/model.js';
import type { Database } from '../database.js';
import type { HazardContext } from './context.js';

/** A text that clients or functions run: from pg_stat_statements where it is to be had, and from functions' bodies. */
interface SeenText {
  text: string;
  from: 'statement' | 'function';
}

export interface Seen {
  /** why what is not seen may still be run, in words for an operator; null where pg_stat_statements has forgotten nothing */
  incomplete: string | null;
  /** since when pg_stat_statements looks, as text in the server's time zone; null where it does not say */
  since: string | null;
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
  const asked = await askStatements(database);
  texts.push(...asked.texts.map((text): SeenText => ({ text, from: 'statement' })));
  // the plan's probes are run by Rekey itself, and say nothing about the application
  const probes = new Set(plan.phases.flatMap((phase) => phase.probes.map((probe) => shapeOf(probe.sql))));
  const lower = texts.filter(({ text }) => !probes.has(shapeOf(text))).map(({ text }) => text.toLowerCase());
  return {
    incomplete: asked.incomplete,
    since: asked.since,
    count: (table, pattern) => {
      const name = escapePattern(view.nameOf(table).toLowerCase());
      const regex = pattern(`(?:"?[\\w$]+"?\\.)?"?${name}"?(?![\\w$])`);
      return lower.filter((text) => regex.test(text)).length;
    },
  };
}

/** What pg_stat_statements knows of this database, and why that may not be all. */
async function askStatements(
  database: Database,
): Promise<{ texts: string[]; incomplete: string | null; since: string | null }> {
  const [extension] = await database.query<{ schema: string }>(
    `select pg_catalog.quote_ident(n.nspname) as schema from pg_catalog.pg_extension e
     join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'`,
  );
  if (!extension) return { texts: [], incomplete: 'pg_stat_statements is not there to ask', since: null };
  try {
    const rows = await database.query<{ text: string | null }>(
      `select s.query as text from ${extension.schema}.pg_stat_statements s
       where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())`,
    );
    const texts = rows.map(({ text }) => text ?? hiddenText);
    const info = await readInfo(database, extension.schema);
    return { texts, incomplete: texts.includes(hiddenText) ? hidden : info.incomplete, since: info.since };
  } catch (error) {
    // created, but the library is not loaded, or not ours to read
    const state = (error as { sqlstate?: string }).sqlstate ?? '';
    if (state === '55000')
      return { texts: [], incomplete: 'pg_stat_statements is not loaded on this server', since: null };
    if (state === '42501') return { texts: [], incomplete: hidden, since: null };
    throw error;
  }
}

const hiddenText = '<insufficient privilege>';
const hidden = "pg_stat_statements does not show Rekey's role what others run";

/** The view came with version 1.9 of the extension, which an old database may lack although its server has it. */
async function readInfo(
  database: Database,
  schema: string,
): Promise<{ incomplete: string | null; since: string | null }> {
  const [about] = await database.query<{ there: boolean; track: string | null }>(
    `select pg_catalog.to_regclass($1) is not null as there,
       pg_catalog.current_setting('pg_stat_statements.track', true) as track`,
    [`${schema}.pg_stat_statements_info`],
  );
  if (about?.track === 'none')
    return { incomplete: 'pg_stat_statements.track is none, so that it looks at nothing', since: null };
  if (!about?.there)
    return { incomplete: 'pg_stat_statements is too old to say what it has forgotten', since: null };
  const [info] = await database.query<{ dealloc: number; since: string }>(
    `select dealloc::float8 as dealloc, pg_catalog.to_char(stats_reset, 'YYYY-MM-DD HH24:MI') as since
     from ${schema}.pg_stat_statements_info`,
  );
  const forgot = info && info.dealloc > 0;
  return {
    incomplete: forgot ? 'pg_stat_statements has forgotten statements: raise pg_stat_statements.max' : null,
    since: info?.since ?? null,
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
