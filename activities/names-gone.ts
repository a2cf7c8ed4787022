import { columnsGone } from '../src/checks/hazards/columns-gone.js';
import { RekeyError } from '../src/errors.js';
import type { Session } from '../src/postgres/session.js';
import type { PhaseView } from '../src/substitution/view.js';
import type { PhaseWork } from './phase-work.js';

type Of = Pick<PhaseWork, 'session' | 'view'> & { record: { cutOver: boolean } };

/**
 * What others have renamed or dropped of the tables of a phase, and of its members before the cutover; afterwards the
 * fingerprint tells of columns. Locks: none on tables.
 */
async function namesGone({ session, view, record }: Of): Promise<{ renamed: string[]; dropped: string[] }> {
  const columns = view.substitution.members.flatMap((m) => {
    const table = view.catalog.tables.find(({ id }) => id === m.table);
    const num = table?.columns.find(({ name }) => name === m.before)?.num ?? null;
    const column = record.cutOver ? m.legacy : m.before;
    return column === null ? [] : [{ table: m.table, column, oid: table?.oid ?? 0, num, isKey: false }];
  });
  const { renamed, dropped } = await columnsGone(session, columns);
  return {
    renamed: renamed.map(({ message }) => message),
    dropped: dropped.map(({ table, column }) => `${table}.${column}`),
  };
}

/**
 * A step that meets a name which is gone knows its SQLSTATE alone: this says which name. Throws SchemaMoved
 * `schema.moved`, or the failure itself where all names stand.
 */
export async function withNames<R>(work: PhaseWork, step: () => Promise<R>): Promise<R> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof RekeyError && /^postgres\.(missing|dependents)$/.test(error.code)) {
      const gone = await namesGone(work).catch(() => null);
      if (gone !== null && gone.renamed.length + gone.dropped.length > 0) throw moved(work, gone);
    }
    throw error;
  }
}

function moved({ ref }: PhaseWork, { renamed, dropped }: { renamed: string[]; dropped: string[] }) {
  const gone = dropped.length === 0 ? [] : [`gone: ${dropped.slice(0, 5).join(', ')}`];
  return new RekeyError('SchemaMoved', {
    code: 'schema.moved',
    message: `the schema was changed since preflight: ${[...renamed.slice(0, 5), ...gone].join('; ')}`,
    remedy:
      'Give a renamed table or column its name back, then resolve with retry. Without a column that was dropped: resolve with rollback.',
    where: ref.phase,
  });
}

/** Tables that have another name now, in words; what undoes a step can't find them. */
export async function tablesRenamed(session: Session, view: PhaseView): Promise<string[]> {
  const { renamed } = await namesGone({ session, view, record: { cutOver: false } });
  const tables = view.substitution.tables;
  return renamed.filter((text) => tables.some((table) => text.startsWith(`${table} was renamed`)));
}
